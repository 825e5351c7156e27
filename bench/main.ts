import { readFileSync, writeFileSync } from "node:fs";
import { Argument, Command } from "commander";
import { CASES } from "./cases.ts";
import { runCases } from "./support/run-cases.ts";
import { withFigures } from "./support/page.ts";
import { merged, readReport, type Report } from "./support/report.ts";
import { tableOf } from "./support/table.ts";

/** What the repository's page of figures is made from. */
const RECORDED = new URL("../docs/performance.json", import.meta.url);
const PAGE = new URL("../docs/performance.md", import.meta.url);

const program = new Command("bench")
  .description(
    "Measures the built worker against private RabbitMQ and Redis and a simulated cloud. Beside each figure stands the one that docs/performance.json has.",
  )
  .addArgument(
    new Argument("[case...]", "only these").choices(CASES.map(({ name }) => name)).default([]),
  )
  .option("--long", "the sizes and cases that take many minutes, too", false)
  .option("--json <file>", "write what was measured there")
  .option("--against <file>", "compare with this file instead of docs/performance.json")
  .option(
    "--write",
    "put what was measured into docs/performance.json and docs/performance.md",
    false,
  )
  .parse();

const wanted = program.processedArgs[0] as readonly string[];
const options = program.opts<{ long: boolean; json?: string; against?: string; write: boolean }>();
const cases = CASES.filter(({ name, isLong = false }) =>
  wanted.length === 0 ? options.long || !isLong : wanted.includes(name),
);

const before = readReport(options.against ?? RECORDED);
let report: Report = {};
await runCases(cases, {
  long: options.long,
  say: (line) => void process.stderr.write(`${line}\n`),
  onCase(measured, record) {
    process.stdout.write(`${tableOf(measured, before)}\n`);
    // After each case: a later one may fail, or be interrupted.
    report = merged(report, { [measured.of.name]: record });
    if (options.json !== undefined) writeJson(options.json, report);
    if (options.write) keep(report);
  },
});

function keep(measured: Report): void {
  const recorded = merged(readReport(RECORDED), measured);
  writeJson(RECORDED, recorded);
  writeFileSync(PAGE, withFigures(readFileSync(PAGE, "utf8"), recorded, CASES));
}

function writeJson(file: string | URL, content: Report): void {
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}
