import { createLogUpdate } from "log-update";
import type { Paint } from "./paint.ts";
import { seconds } from "./seconds.ts";
import type { Announce } from "./stage.ts";

/** One line for each step of the set-up when it is done, with its time; on a terminal also what is still awaited. */
export function setUpLines(stream: NodeJS.WriteStream, paint: Paint): Announce {
  const awaited = new Set<string>();
  const screen = stream.isTTY ? createLogUpdate(stream) : null;
  const showAwaited = () => {
    if (awaited.size === 0) screen?.clear();
    else screen?.(paint("dim", `  … ${[...awaited].join(", ")}`));
  };
  return async (what, work, said) => {
    const startedMs = performance.now();
    awaited.add(what);
    showAwaited();
    try {
      const result = await work();
      const took = seconds(performance.now() - startedMs);
      screen?.clear();
      stream.write(
        `  ${paint("green", "✓")} ${what.padEnd(15)} ${took}  ${paint("dim", said(result))}\n`,
      );
      return result;
    } finally {
      awaited.delete(what);
      showAwaited();
    }
  };
}
