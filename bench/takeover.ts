import {
  commandId,
  type Emitter,
  reinstallCommand,
  startEmitter,
} from "../test/support/emitter/emitter.ts";
import { tallyOf } from "../test/support/emitter/tally.ts";
import type { BenchCase, Stage } from "./case.ts";
import { startWorker } from "./support/worker.ts";

const RUNS = 5;
const COMMANDS = 400;
const ENDED_WITHIN_MS = 120_000;
/** A request that was on its way at the kill is repeated when its signature is too old: a quarter of an hour otherwise. */
const SHORT_FENCE = { UNSAFE_TEST_WINDOWS: "true", POST_FENCE_MS: "6000" };

export const takeover: BenchCase = {
  name: "takeover",
  title: "After kill -9 of a worker",
  method: `A worker takes ${COMMANDS} commands alone; in the middle of them a second one, which is ready, is left alone with them: the first is killed (SIGKILL). The time is from the kill to the first redelivered message that the second has settled: what the first had in hand goes on. Median of ${RUNS} runs; all commands end, with one POST each. The fence is short (6 s, not a quarter of an hour), so that those end, too, whose POST was on its way at the kill.`,
  bounds:
    "The broker notices the closed socket at once. A machine that vanishes without closing it is noticed after two missed heartbeats (10 s each).",
  async run(bench) {
    const times: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const stage = await bench.stage({ jobDurationMs: 1, signatureWindowMs: 4_000 });
      const emitter = await startEmitter(stage.amqpUrl);
      const tally = tallyOf(emitter);
      const first = await startWorker(stage, SHORT_FENCE);
      const second = await startWorker(stage, SHORT_FENCE);
      const sent = sendAll(emitter, stage);
      await tally.ended(COMMANDS / 4, ENDED_WITHIN_MS);
      await first.kill();
      const killedMs = performance.now();
      while ((await second.metric("ecs_reinstall_redeliveries_total")) === 0) {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      times.push(performance.now() - killedMs);
      await sent;
      // Each command once: what the first had published without an acknowledgement the second publishes again.
      await tally.ended(COMMANDS, ENDED_WITHIN_MS);
      const { entries } = stage.cloud.ledger();
      const posts = entries.filter(({ kind }) => kind === "reinstall-request").length;
      if (posts !== COMMANDS) throw new Error(`${posts} POSTs for ${COMMANDS} commands`);
      await emitter.close();
      await second.stop();
      await stage.close();
    }
    return [
      {
        what: "kill to the first message taken over, median",
        unit: "ms",
        values: { worker: times.toSorted((a, b) => a - b)[Math.floor(RUNS / 2)] ?? 0 },
      },
    ];
  },
};

async function sendAll(emitter: Emitter, { cloud }: Stage): Promise<void> {
  const commands = Array.from({ length: COMMANDS }, (_, index) =>
    reinstallCommand(commandId(`takeover-${index}`), cloud.addServer({ state: "SHUTOFF" }).id),
  );
  await Promise.all(commands.map((command) => emitter.send(command)));
}
