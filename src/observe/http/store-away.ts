import type { z } from "zod";
import type { HealthSource } from "../../contract/http.ts";
import { downOf, troubleOf } from "../health.ts";
import { instantText } from "../instant-text.ts";
import type { Fault } from "./fault.ts";

/** The answer where the store says nothing: why, as far as this worker knows, and what a person can do. */
export function storeAway(health: Pick<HealthSource, "dependencies">): z.infer<typeof Fault> {
  const redis = downOf(health).find(({ name }) => name === "redis");
  const why =
    redis === undefined
      ? "this worker's log says what of it cannot be read"
      : `redis is down for this worker since ${instantText(redis.sinceMs)}${redis.detail === null ? "" : ` (${redis.detail})`}. What was begun goes on by itself when it is back: docs/runbooks/EcsReinstallDependencyDown.md`;
  return { error: "store-away", message: `the store does not answer: ${why}` };
}

/**
 * The answer about what the store does not know. A command that meets a value that cannot be read, at the lock of its server for
 * example, can be neither stored nor published: it waits in the queue until that is put right.
 */
export function unknown(
  what: string,
  health: Pick<HealthSource, "dependencies">,
): z.infer<typeof Fault> {
  const message = `no such ${what} is known`;
  const odd = troubleOf(health).find(({ page }) => page !== undefined);
  if (odd === undefined || what !== "command") return { error: "not-found", message };
  const { name, detail, page } = odd;
  const why = `${name} ${detail ?? "is not as it should be"}. A command that needs it is not known before it is put right`;
  return { error: "not-found", message: `${message}; ${why}: ${page}` };
}
