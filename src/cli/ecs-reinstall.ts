#!/usr/bin/env node
import { openBrokerSession } from "./broker-session.ts";
import { runCli } from "./program.ts";
import { openStoreSession } from "./store-session.ts";

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  openBroker: openBrokerSession,
  openStore: openStoreSession,
  fetch: (url) => fetch(url, { signal: AbortSignal.timeout(10_000) }),
});
