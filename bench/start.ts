import type { BenchCase } from "./case.ts";
import { startWorker } from "./support/worker.ts";

const RUNS = 7;

export const start: BenchCase = {
  name: "start",
  title: "From start to ready",
  method: `The built worker is started ${RUNS} times, from the start of the process until \`/readyz\` answers 200, asked every 10 ms. The first start finds an empty broker and declares its queues; the others find them.`,
  bounds:
    "Loading the modules, and the broker: quorum queues are declared once, and each connection, channel and consumer is a round trip.",
  async run(bench) {
    const stage = await bench.stage();
    const readyMs: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const worker = await startWorker(stage);
      readyMs.push(worker.readyMs);
      await worker.stop();
    }
    const [first = 0, ...later] = readyMs;
    return [
      { what: "first start, on an empty broker", unit: "ms", values: { worker: first } },
      { what: "later start, median", unit: "ms", values: { worker: median(later) } },
    ];
  },
};

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
