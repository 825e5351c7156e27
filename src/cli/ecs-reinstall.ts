#!/usr/bin/env node
import { basename, relative } from "node:path";
import { createInterface } from "node:readline/promises";
import { openBrokerSession } from "./broker-session.ts";
import type { EndingSignal } from "../process/exit-codes.ts";
import { runCli } from "./program.ts";
import { createStandardStreams } from "./standard-streams.ts";
import { openStoreSession } from "./store-session.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const satisfies readonly EndingSignal[];

const code = await runCli(process.argv.slice(2), {
  env: process.env,
  program: programName(),
  ...createStandardStreams(),
  openBroker: openBrokerSession,
  openStore: openStoreSession,
  fetch: (url, init) => fetch(url, { ...init, signal: AbortSignal.timeout(10_000) }),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { ask } : {}),
  onSignal(listener) {
    for (const signal of SIGNALS) process.once(signal, listener);
    return () => {
      for (const signal of SIGNALS) process.off(signal, listener);
    };
  },
});
process.exitCode = code;
// Interrupted: whatever is still being waited for, a connection for example, is not waited for.
if (code > 128) process.stderr.write("", () => process.exit(code));

/** On standard error: standard output is for what a program reads. */
async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

/** As it was called: on the PATH, as in the image, or by its file. */
function programName(): string {
  const script = process.argv[1] ?? "";
  return basename(script) === "ecs-reinstall" ? "ecs-reinstall" : `node ${relative("", script)}`;
}
