import { createHash } from "node:crypto";

/**
 * The one style sheet, inside of each page: its hash stands in the Content-Security-Policy. Colour means something: red
 * needs a person, amber is held, blue is at work, green went well.
 */
export const STYLE = `
:root{
  --paper:#fbfbf9;--card:#fff;--ink:#1b1d21;--dim:#5c616b;--line:#e3e3de;--soft:#f2f2ee;
  --red:#b3261e;--red-soft:#fdf0ee;--amber:#8a5300;--amber-fill:#d99a2b;--blue:#1f55c0;--blue-fill:#3f74dd;
  --green:#1f6f43;--green-fill:#3c9a66;--grey-fill:#b9bcc2;--red-fill:#d0473d;
  --mono:ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;
  color-scheme:light dark;
}
@media (prefers-color-scheme:dark){:root{
  --paper:#131519;--card:#1a1d22;--ink:#e7e8ea;--dim:#a0a6b0;--line:#2c3037;--soft:#20242a;
  --red:#ff9a90;--red-soft:#2b1b1b;--amber:#eeb85c;--amber-fill:#c78a25;--blue:#8cb3ff;--blue-fill:#4f82e6;
  --green:#7fd0a3;--green-fill:#3f9b69;--grey-fill:#5a606a;--red-fill:#d4574d;
}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;font-variant-numeric:tabular-nums}
.wide{max-width:74rem;margin:0 auto;padding:0 1.5rem}
a{color:var(--blue);text-decoration-thickness:1px;text-underline-offset:.18em}
a:hover{text-decoration-thickness:2px}
:focus-visible{outline:2px solid var(--blue);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.5rem 1rem;z-index:1}
h1{font-size:1.5rem;line-height:1.25;letter-spacing:-.015em;font-weight:650;margin:2rem 0 .25rem;overflow-wrap:anywhere}
h2{font-size:1.0625rem;letter-spacing:-.005em;font-weight:650;margin:0}
h3{font-size:.9375rem;font-weight:600;margin:0;overflow-wrap:anywhere}
p{margin:0}
ul,ol{list-style:none;margin:0;padding:0}
code,.id{font-family:var(--mono);font-size:.8125rem;overflow-wrap:anywhere}
a.id{text-decoration:none}a.id:hover{text-decoration:underline}
code.line{display:block;width:fit-content;max-width:100%;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.35rem .6rem;margin-top:.35rem}
code.line span{display:inline-block;max-width:100%}
.dim{color:var(--dim)}
header{border-bottom:1px solid var(--line);background:var(--card)}
header .wide{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1.5rem;padding-top:.75rem;padding-bottom:.75rem}
.name{font-weight:650;letter-spacing:-.01em;color:var(--ink);text-decoration:none}
header form{display:flex;align-items:center;gap:.5rem;margin-left:auto}
header label{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
input,button{font:inherit;color:inherit;border:1px solid var(--line);border-radius:6px;background:var(--paper);padding:.25rem .6rem;min-height:2rem}
input{width:19rem;max-width:100%;font-family:var(--mono);font-size:.8125rem}
input::placeholder{color:var(--dim);opacity:1;font-family:var(--mono)}
button{cursor:pointer;background:var(--soft)}button:hover{border-color:var(--dim)}
.read{color:var(--dim);font-size:.8125rem;white-space:nowrap}
.lede{color:var(--dim)}
.sums{display:grid;grid-template-columns:repeat(4,1fr);gap:1px;background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden;margin:1.5rem 0 0}
.sums li{background:var(--card)}
.sums a{display:block;padding:.9rem 1.1rem;color:inherit;text-decoration:none;height:100%}
.sums a:hover{background:var(--soft)}
.sums b{display:block;font-size:1.75rem;line-height:1.15;font-weight:600;letter-spacing:-.02em}
.sums .needs b{color:var(--red)}
.sums span{color:var(--dim);font-size:.8125rem}
section{margin-top:2.25rem}
.head{display:flex;flex-wrap:wrap;align-items:baseline;justify-content:space-between;gap:.1rem 1rem;padding-bottom:.5rem;border-bottom:1px solid var(--line)}
.note{color:var(--dim);font-size:.8125rem}
.nothing{color:var(--dim);padding:.85rem 0;max-width:46rem}
.need{border-left:3px solid var(--red-fill);background:var(--red-soft);border-radius:0 8px 8px 0;padding:.85rem 1.1rem;margin-top:.75rem}
.need h3{color:var(--red)}
.need.hold{border-left-color:var(--amber-fill);background:var(--soft)}.need.hold h3{color:var(--amber)}
.need p,.need li{max-width:60rem}.need p{margin-top:.25rem}
.sentences p{max-width:52rem;margin-top:.5rem;overflow-wrap:anywhere}
.sentences ul{padding-left:1.1rem;list-style:disc}.sentences li{max-width:52rem;margin-top:.3rem;overflow-wrap:anywhere}
.rows>li{display:grid;grid-template-columns:minmax(0,21rem) minmax(0,1fr) minmax(7rem,14rem);gap:.15rem 1.5rem;padding:.7rem 0;border-bottom:1px solid var(--line);align-items:center}
.rows p{overflow-wrap:anywhere}
.why{color:var(--dim);font-size:.875rem}
.group{margin-top:1rem}
.group>h3 .count{color:var(--amber);font-weight:600}
.group>p{max-width:60rem;overflow-wrap:anywhere}
.chips{display:flex;flex-wrap:wrap;gap:.3rem 1.25rem;margin-top:.4rem}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,16rem),1fr));gap:1rem;margin-top:1rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;min-width:0}
.card h3{margin-bottom:.15rem}
.card .figure{margin:.6rem 0 .35rem}
.card p+p{margin-top:.25rem}
svg{display:block;max-width:100%}
svg.meter{width:100%;height:6px;border-radius:3px}svg.bar{width:100%;height:8px;border-radius:4px}svg.ends{width:100%;height:52px}svg.durations{width:100%;height:24px}svg.way{width:100%;height:14px;border-radius:4px;margin:1rem 0 .35rem}
.track{fill:var(--line)}.run{fill:var(--blue-fill)}.over,.late,.wait{fill:var(--amber-fill)}.good{fill:var(--green-fill)}.bad{fill:var(--red-fill)}.calm{fill:var(--grey-fill)}
.dot{fill:var(--blue-fill);fill-opacity:.45}.middle{fill:var(--ink)}
.axis{display:flex;justify-content:space-between;color:var(--dim);font-size:.75rem}
.key{display:flex;flex-wrap:wrap;gap:.1rem 1rem;color:var(--dim);font-size:.75rem;margin-top:.35rem}
.key i{display:inline-block;width:.6rem;height:.6rem;border-radius:2px;margin-right:.35rem}
i.good{background:var(--green-fill)}i.bad{background:var(--red-fill)}i.calm{background:var(--grey-fill)}i.wait{background:var(--amber-fill)}i.run{background:var(--blue-fill)}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse}
th{text-align:left;font-weight:500;color:var(--dim);font-size:.75rem;padding:.6rem 1rem .35rem 0;white-space:nowrap}
td{padding:.5rem 1rem .5rem 0;border-top:1px solid var(--line);vertical-align:baseline}
tr:first-child>td{border-top-color:transparent}
td.num,td .id{white-space:nowrap}
.outcome{font-weight:600;white-space:nowrap}
.outcome::before{content:"";display:inline-block;width:.5rem;height:.5rem;border-radius:50%;margin-right:.45rem;background:var(--grey-fill)}
.outcome.good{color:var(--green)}.outcome.good::before{background:var(--green-fill)}
.outcome.bad{color:var(--red)}.outcome.bad::before{background:var(--red-fill);border-radius:1px}
.deps{display:flex;flex-wrap:wrap;gap:.2rem 1.5rem;color:var(--dim);font-size:.8125rem;margin-top:.35rem}
.deps .down{color:var(--red);font-weight:600}.deps .degraded{color:var(--amber)}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.25rem 1.5rem;margin-top:1rem}
.facts dt{color:var(--dim)}.facts dd{margin:0;overflow-wrap:anywhere}
.steps{margin-top:.75rem}
.steps>li{display:grid;grid-template-columns:9.5rem minmax(0,1fr);gap:0 1.5rem;padding:.45rem 0}
.steps .at{color:var(--dim);font-size:.8125rem;white-space:nowrap}
.steps .what{position:relative;padding-left:1.25rem;overflow-wrap:anywhere}
.steps .what::before{content:"";position:absolute;left:0;top:.5em;width:.6rem;height:.6rem;border-radius:50%;background:var(--grey-fill)}
.steps>li:not(:last-child) .what::after{content:"";position:absolute;left:calc(.3rem - 1px);top:1.35em;bottom:-.85em;width:2px;background:var(--line)}
.steps .wait .what::before{background:var(--amber-fill)}.steps .run .what::before{background:var(--blue-fill)}.steps .good .what::before{background:var(--green-fill)}.steps .bad .what::before{background:var(--red-fill);border-radius:2px}
.steps b{font-weight:600}
footer.wide{margin-top:3.5rem;padding-top:0;padding-bottom:2.5rem;color:var(--dim);font-size:.8125rem}
footer p{border-top:1px solid var(--line);padding-top:1rem}
@media (max-width:46rem){
  .wide{padding-left:1rem;padding-right:1rem}
  header form{margin-left:0;width:100%;order:3}header input{flex:1;width:auto;min-width:0}
  .read{margin-left:auto}
  .sums{grid-template-columns:repeat(2,1fr)}
  .rows>li{grid-template-columns:minmax(0,1fr)}
  .facts{grid-template-columns:minmax(0,1fr);gap:0}.facts dd{margin-bottom:.5rem}
  .steps>li{grid-template-columns:minmax(0,1fr)}.steps .at{padding-left:1.25rem}
  .steps>li:not(:last-child) .what::after{bottom:-2.4em}
  thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
  table,tbody,tr,td{display:block}
  tr{border-top:1px solid var(--line);padding:.65rem 0}tbody tr:first-child{border-top:0}
  td{border:0;padding:.05rem 0}
  td[data-of]::before{content:attr(data-of) " ";color:var(--dim)}
  td:empty{display:none}td .id{white-space:normal}
  td.num{display:inline-block;margin-right:1.25rem}td.num svg{min-width:8rem}
}
@media print{header form,.read,footer{display:none}}
`.trim();

/** What a browser may do with a page: show it. No script, no foreign content, no frame, and its form asks this worker. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
  "img-src data:",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");
