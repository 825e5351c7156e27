import { fork } from "node:child_process";
import { Command } from "commander";
import { MUTANTS } from "./mutants.ts";
import { type RunResult, runSeed } from "./run.ts";

const program = new Command()
  .name("simulate")
  .description("Plays seeds of the deterministic simulation and checks the promises P1-P9.")
  .option("--seeds <n>", "how many seeds", Number, 2_000)
  .option("--from <seed>", "the first one", Number, 1)
  .option("--seed <seed>", "only this one", Number)
  .option("--trace", "print everything that happens")
  .option("--mutant <name>", "break the protocol on purpose")
  .option("--all", "go on after a failing seed")
  .option("--jobs <n>", "as many processes, each with its share of the seeds", Number, 1)
  .parse();

interface Options {
  readonly seeds: number;
  readonly from: number;
  readonly seed?: number;
  readonly trace?: true;
  readonly mutant?: string;
  readonly all?: true;
  readonly jobs: number;
}

const options = program.opts<Options>();
const mutation = MUTANTS.find(({ name }) => name === options.mutant);
if (options.mutant !== undefined && mutation === undefined) {
  program.error(`no such mutant; there are: ${MUTANTS.map(({ name }) => name).join(", ")}`);
}

if (options.jobs > 1 && options.seed === undefined) await share();
else await play(options.seed ?? options.from, options.seed === undefined ? options.seeds : 1);

/** Each process prints its own share. */
async function share(): Promise<void> {
  const each = Math.ceil(options.seeds / options.jobs);
  const passedOn = [
    ...(options.mutant === undefined ? [] : ["--mutant", options.mutant]),
    ...(options.all ? ["--all"] : []),
  ];
  const codes = await Promise.all(
    Array.from({ length: options.jobs }, (_, job) => {
      const share = ["--seeds", `${each}`, "--from", `${options.from + job * each}`, ...passedOn];
      const child = fork(process.argv[1] ?? "", share);
      return new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
    }),
  );
  process.exitCode = Math.max(...codes);
}

async function play(from: number, count: number): Promise<void> {
  const began = performance.now();
  const totals = { events: 0, checks: 0, failed: 0, executions: 0 };
  const outcomes = new Map<string, number>();
  const faults = new Map<string, number>();
  for (let seed = from; seed < from + count; seed++) {
    const result = await runSeed(seed, {
      mutation,
      ...(options.trace ? { onTrace: (line: string) => console.log(line) } : {}),
    });
    totals.events += result.events;
    totals.checks += result.checks;
    totals.executions += result.executions;
    add(outcomes, result.outcomes);
    add(faults, result.faults);
    if (result.violation === null) continue;
    totals.failed += 1;
    await report(result);
    if (!options.all) break;
  }
  const seconds = (performance.now() - began) / 1000;
  console.log(
    `${count} seeds, ${totals.failed} failed, ${Math.round(count / seconds)} seeds/s, ${totals.events} events, ${totals.checks} checks, ${totals.executions} reinstalls`,
  );
  console.log(`outcomes: ${listed(outcomes)}`);
  console.log(`faults: ${listed(faults)}`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
}

async function report({ seed, violation }: RunResult): Promise<void> {
  const lines: string[] = [];
  if (!options.trace && !options.all) {
    await runSeed(seed, { mutation, onTrace: (line) => lines.push(line) });
    console.log(lines.join("\n"));
  }
  const mutant = mutation === undefined ? "" : ` --mutant ${mutation.name}`;
  console.log(`seed ${seed} breaks ${violation?.promise}: ${violation?.text}`);
  console.log(`replay: npm run simulate -- --seed ${seed} --trace${mutant}`);
}

function add(to: Map<string, number>, from: ReadonlyMap<string, number>): void {
  for (const [name, n] of from) to.set(name, (to.get(name) ?? 0) + n);
}

function listed(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([name, n]) => `${name} ${n}`).join(", ");
}
