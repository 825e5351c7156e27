/** A program under measure: the worker, or one that stands beside it. It is ready. */
export interface Program {
  /** User and system, of the whole process, since it began. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

/** Milliseconds of CPU for each of `count`, while `work` lasts. */
export async function cpuMsEach(
  program: Program,
  count: number,
  work: () => Promise<void>,
): Promise<number> {
  const before = await program.cpuSeconds();
  await work();
  return (((await program.cpuSeconds()) - before) * 1000) / count;
}
