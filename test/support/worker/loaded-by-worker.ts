// Puts a worker together from the environment, starts it, and prints which packages of OpenTelemetry are loaded then.
import { registerHooks } from "node:module";

const packages = new Set<string>();
registerHooks({
  load(url, context, nextLoad) {
    const name = /node_modules\/(@opentelemetry\/[^/]+)\//.exec(url)?.[1];
    if (name !== undefined) packages.add(name);
    return nextLoad(url, context);
  },
});

// After the hook: it sees only what is loaded later.
const { createApp } = await import("../../../src/app.ts");
const { loadConfig } = await import("../../../src/config/load.ts");
const loaded = loadConfig();
if (loaded.kind === "invalid") throw new Error(JSON.stringify(loaded.problems));
await createApp(loaded.config).start();
process.stdout.write(`\nloaded: ${[...packages].sort().join(" ")}\n`);
process.exit(0);
