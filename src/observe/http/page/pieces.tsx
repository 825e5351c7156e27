import type { Child } from "hono/jsx";
import { span } from "../../../core/times-in-words.ts";
import { shownOwner } from "../../../core/state/lock-owner.ts";
import { instantText } from "../../instant-text.ts";

/** What an emitter or another service wrote: each character that cannot be seen is named, and its direction stays its own. */
export function Said({ text }: { readonly text: string }) {
  return <bdi>{printable(text)}</bdi>;
}

/** What else is known, after a colon; nothing where there is nothing. */
export function Detail({ text }: { readonly text: string | null }) {
  return text === null ? null : (
    <>
      : <Said text={text} />
    </>
  );
}

/** One character after the other, so that a long text is not cut as an owner's name is. */
function printable(text: string): string {
  return text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, (one) => shownOwner(one));
}

/** How long ago, with the instant itself for whoever points at it. */
export function Ago({ ms, nowMs }: { readonly ms: number | null; readonly nowMs: number }) {
  const instant = instantText(ms);
  if (ms === null || instant === null) return <span class="dim">unknown</span>;
  return (
    <time datetime={instant} title={instant}>
      {span(nowMs - ms)}
    </time>
  );
}

/** An instant as people of several time zones read it: UTC, to the second. */
export function Instant({ ms }: { readonly ms: number }) {
  const instant = instantText(ms);
  if (instant === null) return <span class="dim">unknown</span>;
  return (
    <time datetime={instant}>
      {instant.slice(0, 10)} {instant.slice(11, 19)}
    </time>
  );
}

export function CommandLink({ id }: { readonly id: string }) {
  // What another service calls itself is no command.
  if (!/^[A-Za-z0-9._:-]{1,128}$/.test(id)) return <Said text={id} />;
  return (
    <a class="id" href={`/commands/${encodeURIComponent(id)}`}>
      {id}
    </a>
  );
}

export function ServerLink({
  project,
  server,
}: {
  readonly project: string;
  readonly server: string | null;
}) {
  if (server === null || server === "") return <span class="dim">no server named</span>;
  return (
    <a class="id" href={`/servers/${encodeURIComponent(project)}/${encodeURIComponent(server)}`}>
      {server}
    </a>
  );
}

/** What colour an outcome has: only what is good, what is bad, and what a person must look at. */
export function toneOf(outcome: string | null): "good" | "bad" | "calm" {
  if (outcome === "succeeded" || outcome === "reinstalled") return "good";
  return outcome !== null && BAD.includes(outcome) ? "bad" : "calm";
}

const BAD: readonly string[] = ["failed", "unresolved", "quarantined", "rejected"];

export function Outcome({ name }: { readonly name: string | null }) {
  return <span class={`outcome ${toneOf(name)}`}>{printable(name ?? "open")}</span>;
}

/** A part of a page, with what it says where there is nothing in it. */
export function Section({
  id,
  title,
  note,
  children,
}: {
  readonly id: string;
  readonly title: string;
  readonly note?: Child;
  readonly children?: Child;
}) {
  return (
    <section aria-labelledby={id}>
      <div class="head">
        <h2 id={id}>{title}</h2>
        {note === undefined ? null : <p class="note">{note}</p>}
      </div>
      {children}
    </section>
  );
}

export function Nothing({ children }: { readonly children?: Child }) {
  return <p class="nothing">{children}</p>;
}

/** Sentences of `explain`: a line that begins with `- ` belongs to the list of the line before; command lines stand out. */
export function Sentences({ lines }: { readonly lines: readonly string[] }) {
  const blocks: { readonly text: string; readonly items: string[] }[] = [];
  for (const line of lines) {
    const last = blocks.at(-1);
    if (line.startsWith("- ") && last !== undefined) last.items.push(line.slice(2));
    else blocks.push({ text: line, items: [] });
  }
  return (
    <div class="sentences">
      {blocks.map(({ text, items }) => (
        <>
          <p>
            <WithCommandLine text={text} />
          </p>
          {items.length === 0 ? null : (
            <ul>
              {items.map((item) => (
                <li>
                  <WithCommandLine text={item} />
                </li>
              ))}
            </ul>
          )}
        </>
      ))}
    </div>
  );
}

/** A sentence that ends in a line to type: that line is set as one. */
export function WithCommandLine({ text }: { readonly text: string }) {
  const at = text.indexOf("ecs-reinstall ");
  // Only at the end of a sentence: not where a name or a reason says it.
  if (at < 0 || !/: $|, or: $/.test(text.slice(0, at))) return <Said text={text} />;
  const words = printable(text.slice(at)).split(" ");
  return (
    <>
      <Said text={text.slice(0, at).trimEnd()} />
      <code class="line">
        {words.map((word, index) => (
          <>
            {index === 0 ? "" : " "}
            <span>{word}</span>
          </>
        ))}
      </code>
    </>
  );
}
