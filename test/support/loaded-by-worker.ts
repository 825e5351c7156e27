// Puts a worker together from the environment, starts it, and prints which packages of OpenTelemetry are loaded then.
import { createRequire } from "node:module";
import { createApp } from "../../src/app.ts";
import { loadConfig } from "../../src/config/load.ts";

const loaded = loadConfig();
if (loaded.kind === "invalid") throw new Error(JSON.stringify(loaded.problems));
const app = createApp(loaded.config);
await app.start();
const packages = Object.keys(createRequire(import.meta.url).cache).map(
  (file) => /node_modules\/(@opentelemetry\/[^/]+)\//.exec(file)?.[1] ?? "",
);
process.stdout.write(`\nloaded: ${[...new Set(packages)].filter(Boolean).sort().join(" ")}\n`);
process.exit(0);
