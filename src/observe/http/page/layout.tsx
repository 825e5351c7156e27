import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { instantText } from "../../instant-text.ts";
import { STYLE } from "./style.ts";

/** Of every page: its frame. */
export interface FrameProps {
  readonly title: string;
  readonly nowMs: number;
  /** Seconds; null: the page stays as it is. */
  readonly refreshSeconds: number | null;
  /** Where the same page is read again, without its switch for reading itself again. */
  readonly here: string;
  readonly children?: Child;
}

/** The whole document. It holds no script, and refreshes itself by a header (`page-routes.tsx`). */
export function Frame({ title, nowMs, refreshSeconds, here, children }: FrameProps) {
  return (
    <>
      {raw("<!doctype html>")}
      <html lang="en">
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <meta name="color-scheme" content="light dark" />
          <title>{title}</title>
          <link rel="icon" href={ICON} />
          <style>{raw(STYLE)}</style>
        </head>
        <body>
          <a class="skip" href="#main">
            To the content
          </a>
          <header>
            <div class="wide">
              <a class="name" href="/">
                ecs-reinstall
              </a>
              <form action="/find" method="get" role="search">
                <label for="find">Server or command</label>
                <input
                  id="find"
                  name="id"
                  maxlength={128}
                  placeholder="id"
                  autocomplete="off"
                  spellcheck={false}
                />
                <button type="submit">Find</button>
              </form>
              <p class="read">
                <ReadAt nowMs={nowMs} />
                <Refresh seconds={refreshSeconds} here={here} />
              </p>
            </div>
          </header>
          <main id="main" class="wide">
            {children}
          </main>
          <footer class="wide">
            <p>
              Nothing on this page changes anything. People act by <code>ecs-reinstall</code>;
              programs read <a href="/openapi.json">the API</a>, <a href="/metrics">metrics</a> and{" "}
              <a href="/readyz">readiness</a>.
            </p>
          </footer>
        </body>
      </html>
    </>
  );
}

/** Of a page that was read with the refresh switched off, so that whoever reads slowly is not interrupted. */
export const STAY = "stay";

function Refresh({ seconds, here }: { readonly seconds: number | null; readonly here: string }) {
  const mark = here.includes("?") ? "&" : "?";
  return seconds === null ? (
    <a href={here}>refresh by itself</a>
  ) : (
    <>
      every {seconds} s · <a href={`${here}${mark}${STAY}=1`}>stop</a>
    </>
  );
}

function ReadAt({ nowMs }: { readonly nowMs: number }) {
  const instant = instantText(nowMs) ?? "";
  return (
    <>
      <time datetime={instant}>{instant.slice(11, 19)} UTC</time> ·{" "}
    </>
  );
}

const ICON = `data:image/svg+xml,${encodeURIComponent(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect x="1" y="1" width="14" height="14" rx="4" fill="#2458c5"/><path d="M5 8.4 7.2 10.6 11.2 5.8" fill="none" stroke="#fff" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></svg>',
)}`;
