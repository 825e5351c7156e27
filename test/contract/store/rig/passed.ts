import { eventually } from "../../../support/eventually.ts";

/** So that two instants differ, or a delay is over. Answers the instant, epoch ms. */
export async function passed(ms: number): Promise<number> {
  const beganMs = Date.now();
  await eventually(() => Date.now() > beganMs + ms, { intervalMs: 1 });
  return Date.now();
}
