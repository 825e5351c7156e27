import type { z } from "zod";
import type { HealthSource } from "../../contract/http.ts";
import { downOf } from "../health.ts";
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
