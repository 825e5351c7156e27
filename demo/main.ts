import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { setUpLines } from "./set-up-lines.ts";
import { seconds } from "./seconds.ts";
import { stayUp } from "./keep.ts";
import { paintFor } from "./paint.ts";
import { report } from "./report.ts";
import { show } from "./show.ts";
import { playBrakes } from "./brakes/play-brakes.ts";
import { createStage, type Stage } from "./stage.ts";

const EXIT_FAILED = 1;
/** As a shell says it: ended by SIGINT. */
const EXIT_INTERRUPTED = 130;
const CURTAIN_MS = 300;

const out = process.stdout;
const paint = paintFor(out);
const say = (text: string) => void out.write(`${text}\n`);

const { keep } = new Command("demo")
  .description("plays a story of reinstalls on this machine, against a simulated cloud")
  .option("--keep", "leave everything running afterwards, until Ctrl-C", false)
  .parse()
  .opts<{ keep: boolean }>();

const interrupt = new AbortController();
const interrupted = new Promise<"interrupted">((resolve) => {
  interrupt.signal.addEventListener("abort", () => resolve("interrupted"));
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => interrupt.abort());
}
// Whoever read us is gone (`make demo | head`): nobody is left to play for.
out.on("error", () => interrupt.abort());

/** The verdict, once there is one. */
let passed: boolean | null = null;
const stage = createStage(setUpLines(out, paint));
process.exitCode = await run();
process.exit();

async function run(): Promise<number> {
  const performing = perform();
  try {
    const ending = await Promise.race([performing, interrupted]);
    if (ending !== "interrupted") return ending;
    // What is on the screen is put away first; a broker that is just starting is not waited for.
    await Promise.race([performing.catch(() => undefined), sleep(CURTAIN_MS)]);
    if (passed !== null) return passed ? 0 : EXIT_FAILED;
    say(paint("yellow", "Interrupted."));
    return EXIT_INTERRUPTED;
  } catch (error) {
    say(paint("red", `The demo could not be played: ${messageOf(error)}`));
    return EXIT_FAILED;
  } finally {
    const sinceMs = performance.now();
    await stage.close();
    say(`Everything is stopped and removed, ${seconds(performance.now() - sinceMs).trim()}.`);
  }
}

async function perform(): Promise<number> {
  const startedMs = performance.now();
  say(paint("bold", "Setting the stage: private, throw-away services on free ports"));
  const services = await stage.open();
  const ending = await show(services, { stream: out, paint, signal: interrupt.signal });
  const tookMs = performance.now() - startedMs;
  const told = await report(services, ending, { stream: out, paint, tookMs });
  passed = (await brakes(services)) && told;
  if (keep) await stayUp(services, say, interrupted);
  return passed ? 0 : EXIT_FAILED;
}

async function brakes(services: Stage): Promise<boolean> {
  const startedMs = performance.now();
  const problems = await playBrakes(services, { stream: out, paint });
  const took = seconds(performance.now() - startedMs).trim();
  say("");
  if (problems.length === 0) {
    say(
      `${paint("green", "PASS: three scenes about the brakes, each as its page says")} (${took}).`,
    );
    return true;
  }
  say(paint("red", `FAIL: ${problems.join("; ")}.`));
  return false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
