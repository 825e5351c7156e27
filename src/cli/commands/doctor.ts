import Table from "cli-table3";
import { Command } from "commander";
import { examine } from "../../composition/doctor.ts";
import { loadConfig } from "../../config/load.ts";
import { formatProblems } from "../../config/problem.ts";
import { FINDING_VERDICTS, type Finding } from "../../contract/finding.ts";
import { EXIT_CONFIG, EXIT_FAILURE } from "../../process/exit-codes.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";

/** In which no question to broker, Redis and cloud may take longer, all together. */
const PATIENCE_MS = 120_000;

/** `ecs-reinstall doctor`: is everything that the worker stands on as it must be? Exit code 1 when something is wrong. */
export function doctorCommand(io: CliIo): Command {
  return new Command("doctor")
    .description(
      "look at broker, Redis and cloud with the worker's settings, and change nothing; exit code 1 when something is wrong",
    )
    .option("--json", "print the findings as JSON")
    .option("--quiet", "leave out what is ok")
    .action(async (flags: { readonly json?: boolean; readonly quiet?: boolean }) => {
      const loaded = loadConfig(io.env);
      if (loaded.kind === "invalid") {
        throw new CliFailure(formatProblems(loaded.problems), EXIT_CONFIG);
      }
      const found = await examine(loaded.config, AbortSignal.timeout(PATIENCE_MS));
      const shown = found.filter(({ verdict }) => flags.quiet !== true || verdict !== "ok");
      io.out(flags.json === true ? asJson(shown, found) : asTable(shown, found));
      if (found.some(({ verdict }) => verdict === "wrong")) throw new CliFailure("", EXIT_FAILURE);
    });
}

function sumsOf(found: readonly Finding[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    FINDING_VERDICTS.map((one) => [one, found.filter(({ verdict }) => verdict === one).length]),
  );
}

function asJson(shown: readonly Finding[], found: readonly Finding[]): string {
  return `${JSON.stringify({ findings: shown, ...sumsOf(found) }, null, 2)}\n`;
}

/** Widths of the columns: a terminal of 140 columns. */
const [SAYS, TODO] = [46, 46] as const;

function asTable(shown: readonly Finding[], found: readonly Finding[]): string {
  const table = new Table({
    head: ["", "", "checked", "found", "to do"],
    style: { head: [], border: [] },
    // No line between rows: there are many.
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
    colWidths: [null, null, null, SAYS, TODO],
    wordWrap: true,
  });
  for (const { verdict, area, check, says, todo } of shown) {
    table.push([verdict, area, check, says, todo ?? ""]);
  }
  const { ok, warning, wrong } = sumsOf(found);
  const sums = `${ok} ok, ${warning} warning(s), ${wrong} wrong\n`;
  return shown.length === 0 ? sums : `${table.toString()}\n${sums}`;
}
