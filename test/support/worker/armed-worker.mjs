// The built worker with fail points: places in its code where a test wants it killed, stopped or failing.
// Production has no such thing: `main` is given a `reach` here, and nowhere else.
import { createRequire, flushCompileCache } from "node:module";
import { pathToFileURL } from "node:url";

const COMPILED_MOST_MS = 3_000;

const [, , file] = process.argv;
const { main } = file.endsWith(".cjs")
  ? createRequire(import.meta.url)(file)
  : await import(pathToFileURL(file).href);

// Most workers are killed in the end, and would leave nothing to those that come after them. Writes only what is not there.
setTimeout(() => flushCompileCache(), COMPILED_MOST_MS).unref();

const armed = JSON.parse(process.env.FAIL_POINTS ?? "[]").map((point) => ({
  nth: 1,
  ...point,
  seen: 0,
  // A point that comes after another one sleeps until that one was reached.
  awake: point.after === undefined,
}));

await main({
  reach(label) {
    for (const point of armed) {
      if (!point.awake) {
        point.awake = point.after === label;
        continue;
      }
      if (point.label !== label || ++point.seen !== point.nth) continue;
      if (point.action === "kill") process.kill(process.pid, "SIGKILL");
      if (point.action === "stop") process.kill(process.pid, "SIGSTOP");
      // Nothing else runs meanwhile: no heartbeat, no timer, no reply is read.
      if (point.action === "block") {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, point.blockMs);
      }
      // As by a leak: V8 ends the process when it has no room left.
      if (point.action === "exhaust") {
        for (const held = []; ; ) held.push(Array.from({ length: 1e6 }, () => 0.5));
      }
      // The step waits for what never comes; everything else goes on.
      if (point.action === "hang") return new Promise(() => {});
      if (point.action === "reject") void Promise.reject(new Error(`fail point ${label}`));
      if (point.action === "throw") throw new Error(`fail point ${label}`);
    }
  },
});
