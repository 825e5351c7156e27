import { renameSync, writeFileSync } from "node:fs";

/*
 * Loaded before a worker whose memory is measured: at SIGUSR2, which the worker ignores, V8 collects what nothing refers
 * to, and what is left is written to BENCH_MEMORY_FILE.
 */
const { BENCH_MEMORY_FILE: file } = process.env;
if (globalThis.gc === undefined || file === undefined) {
  throw new Error("--expose-gc and BENCH_MEMORY_FILE are needed");
}
const collect = globalThis.gc;
process.on("SIGUSR2", () => {
  // The first one finalizes what only the second frees: buffers and their memory.
  collect();
  collect();
  writeFileSync(`${file}.new`, JSON.stringify(process.memoryUsage()));
  renameSync(`${file}.new`, file);
});
