import { runSeed } from "./run.ts";

/** How one prints a failing seed, and how another plays it again. */
export async function played(seeds: Iterable<number>): Promise<string[]> {
  const broken: string[] = [];
  for (const seed of seeds) {
    const { violation } = await runSeed(seed);
    if (violation === null) continue;
    const trace: string[] = [];
    await runSeed(seed, { onTrace: (line) => trace.push(line) });
    broken.push(
      [
        ...trace.slice(-60),
        `seed ${seed} breaks ${violation.promise}: ${violation.text}`,
        `replay: npm run simulate -- --seed ${seed} --trace`,
      ].join("\n"),
    );
    if (broken.length >= 3) break;
  }
  return broken;
}

export function* range(from: number, count: number): Generator<number> {
  for (let seed = from; seed < from + count; seed++) yield seed;
}
