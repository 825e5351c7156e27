import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CLASS_VERDICTS, ERROR_CLASSES } from "../src/adapters/cloud/answers/error-class.ts";
import { ERROR_ROWS } from "../src/adapters/cloud/answers/error-rows.ts";

/** Where the page is kept; a test compares it with {@link renderErrors}. */
export const ERRORS_PAGE = fileURLToPath(new URL("../docs/errors.md", import.meta.url));

/** docs/errors.md, made from the table that the worker itself uses. */
export function renderErrors(): string {
  return `${[INTRODUCTION, classes(), codes()].join("\n\n")}\n`;
}

const INTRODUCTION = `# Errors of the cloud

Made by \`npx tsx scripts/generate-errors.ts\` from \`src/adapters/cloud/answers/error-class.ts\` and \`error-rows.ts\`; do not edit.

What an error means depends on the call that got it. Codes come first, HTTP statuses second: the vendor says that
statuses "may not be accurate" (ECS API notes §5.1).

- **submit** is the reinstall POST. _refused_: proven rejected, the command fails. _later_: proven rejected for now, the command waits.
  _unknown_: it may have been carried out, or may still be; it is never sent again before the opposite is proven.
  Everything that is not in this table is _unknown_: a code that is not in our table (with status 400 too: codes of jobs
  come with 400), a status without a readable body, 2xx without a job id. A non-empty \`job_id\` in a 2xx is always _accepted_.
- **look** reads the server, **job** the job; _unavailable_ and _throttled_ say nothing about either. **power** is a stop or a
  start, which may be repeated: _refused_ with "retryable" means to look again.
- **retryable** is what the \`failed\` event says: the same command may succeed later without anybody changing anything.
- **storm**: a job that fails with such a code says something of the next reinstall too, and counts for a
  [storm of failures](brakes.md#storm-of-failures). What is not in the table counts.
- **emitter's mistake**: a command that fails so asked for what cannot be. It does not count for the
  [objective of good ends](metrics.md#objectives); every other failure does.

\`APIG.\` is read as \`APIGW.\`. \`Ecs.1000\` and \`Ecs.1001\` with \`itemNotFound\` in their text count as \`itemNotFound\`.
401 of any kind counts towards the authentication breaker; 429 of any kind slows its project down, and so does a 503
without a code while others are answered in the same half minute; when none are, it counts towards the breaker.`;

function classes(): string {
  const rows = ERROR_CLASSES.map((name) => {
    const { submit, look, job, power, retryable, storm, emittersMistake, nextStep } =
      CLASS_VERDICTS[name];
    const yes = (is: boolean) => (is ? "yes" : "no");
    return [
      name,
      submit,
      look,
      job,
      power,
      yes(retryable),
      yes(storm),
      yes(emittersMistake),
      nextStep,
    ];
  });
  const head = [
    "class",
    "submit",
    "look",
    "job",
    "power",
    "retryable",
    "storm",
    "emitter's mistake",
    "what to do next",
  ];
  return `## Classes\n\n${table(head, rows)}`;
}

function codes(): string {
  const rows = ERROR_ROWS.map(({ code, http, meaning, class: name, onlyStatus, differs }) => [
    `\`${code}\``,
    onlyStatus === undefined ? http : `only ${http}`,
    meaning,
    name,
    differs?.submit ?? CLASS_VERDICTS[name].submit,
  ]);
  return `## Codes\n\n${table(["code", "HTTP", "meaning", "class", "submit"], rows)}`;
}

/** Padded the way the formatter pads: it formats this page too. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_title, i) =>
    Math.max(3, ...[head, ...rows].map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  writeFileSync(ERRORS_PAGE, renderErrors());
}
