import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { amqpSettings } from "../../../src/composition/settings.ts";
import { loadConfig } from "../../../src/config/load.ts";

/** What a worker talks to the broker with where nobody sets anything: config/default.yaml, and a broker on this machine. */
export const DEFAULT_AMQP_SETTINGS: AmqpSettings = byDefault();

function byDefault(): AmqpSettings {
  const needed = { ECS_PROJECTS: "0".repeat(32), ECS_ACCESS_KEY: "ak", ECS_SECRET_KEY: "sk" };
  const loaded = loadConfig(needed);
  if (loaded.kind === "invalid") throw new Error(JSON.stringify(loaded.problems));
  // `access` would win over the addresses that a test sets.
  const { access: _access, ...settings } = amqpSettings(loaded.config);
  return settings;
}
