// Writes docs/states.md: `npx tsx scripts/generate-states.ts`. A unit test compares.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { FINAL_EVENTS } from "../src/contract/event.ts";
import { PHASES } from "../src/core/state/phases.ts";
import { TRANSITIONS } from "../src/core/state/transitions.ts";

type From = keyof typeof TRANSITIONS;

/** What each phase does, in a line (design §3). */
const ADMIT = "the raw command: dedup, lock, first look at the server";

const HEAD = `# States of a command

Made from \`PHASES\` in \`src/core/state/phases.ts\` and \`TRANSITIONS\` in \`src/core/state/transitions.ts\` by \`scripts/generate-states.ts\`: change that, then run it. A test
visits every cell, and lets no decision leave the table.

A phase is what the command's message asks of the worker that takes it; a final event ends the command. One way to
an end is not in the table: where the store holds what nobody can read, a raw command is \`rejected\`, and any other
is \`unresolved\`.

`;

/** The whole page. */
export function statesDocs(): string {
  return `${HEAD}${diagram()}\n${table()}`;
}

/** Steps only, ends left out: each phase names its own in the table. */
function diagram(): string {
  const arrows = entries().flatMap(([from, to]) =>
    to.filter((next) => !isFinal(next)).map((next) => `    ${from} --> ${next}\n`),
  );
  const ends = entries()
    .filter(([, to]) => to.some(isFinal))
    .map(([from]) => `    ${from} --> [*]\n`);
  return `\`\`\`mermaid\nstateDiagram-v2\n    [*] --> admit\n${[...arrows, ...ends].join("")}\`\`\`\n`;
}

function table(): string {
  const rows = entries().map(([from, to]) => {
    const cell = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(", ");
    const phases = to.filter((next) => !isFinal(next));
    return `| \`${from}\` | ${from === "admit" ? ADMIT : PHASES[from].does} | ${cell(phases)} | ${cell(to.filter(isFinal))} |\n`;
  });
  return `| phase | what its step does | leads to | ends as |\n|---|---|---|---|\n${rows.join("")}`;
}

function entries() {
  return Object.entries(TRANSITIONS) as [From, readonly string[]][];
}

function isFinal(name: string): boolean {
  return name === "settled" || FINAL_EVENTS.some((event) => event === name);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(new URL("../docs/states.md", import.meta.url), statesDocs());
}
