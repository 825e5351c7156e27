import type { Account } from "./chronicle.ts";
import type { Paint } from "./paint.ts";
import { seconds } from "./seconds.ts";
import type { Stage } from "./stage.ts";
import { CAST } from "./story.ts";
import { ledgerRows, ledgerTable, outcomeTable, problemsOf } from "./verdict.ts";
import { metricsExcerpt, troubleIn, workerTable } from "./worker-report.ts";

/** Where nobody can be asked: a log. */
const LOG_COLUMNS = 120;

/** The final tables and the verdict; answers whether all went as the story says. */
export async function report(
  { simulator, workers, serverNamed }: Stage,
  accounts: readonly Account[],
  {
    stream,
    paint,
    tookMs,
  }: { readonly stream: NodeJS.WriteStream; readonly paint: Paint; readonly tookMs: number },
): Promise<boolean> {
  const rows = ledgerRows(CAST, simulator.ledger(), (name) => serverNamed(name).id);
  const problems = problemsOf(accounts, rows);
  await Promise.all(workers.map((worker) => worker.scrape()));
  const repeats = accounts.reduce((sum, { duplicates }) => sum + duplicates, 0);
  const witness = workers.find(({ ending }) => ending === undefined);

  const chapter = (title: string, ...lines: readonly string[]) =>
    void stream.write(`\n${paint("bold", title)}\n${lines.join("\n")}\n`);
  chapter(
    "What the events say",
    outcomeTable(accounts, stream.columns ?? LOG_COLUMNS, paint),
    paint("dim", `…and ${repeats} copies were answered with "duplicate".`),
  );
  chapter("What the cloud did, by its own ledger", ledgerTable(rows, paint));
  chapter("What each worker did", workerTable(workers, paint));
  if (witness !== undefined) {
    chapter(`From ${witness.url}/metrics`, ...metricsExcerpt(witness.lastSamples()));
  }
  stream.write("\n");
  if (problems.length === 0) {
    const wiped = rows.reduce((sum, { reinstalls }) => sum + reinstalls, 0);
    const pass = `PASS: ${accounts.length} commands, ${wiped} reinstalls, each server exactly as often as told`;
    stream.write(`${paint("green", pass)} (${seconds(tookMs).trim()}).\n`);
    return true;
  }
  for (const worker of workers) {
    for (const line of troubleIn(worker)) stream.write(`${worker.name}: ${line}\n`);
  }
  stream.write(`${paint("red", `FAIL: ${problems.join("; ")}.`)}\n`);
  return false;
}
