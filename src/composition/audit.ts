import type { Broker } from "../adapters/amqp/broker.ts";
import { createAuditTrail } from "../adapters/redis/audit-trail.ts";
import { createAuditPublisher } from "../background/audit-publisher.ts";
import type { Ground } from "./ground.ts";
import type { Part } from "./lifecycle.ts";
import type { Stores } from "./stores.ts";

/** A person who acts sees the event about as soon. */
const INTERVAL_MS = 3_000;

/** Publishes what people do by hand. */
export function createWatchedAudit(
  { config, projects, clock, logger }: Ground,
  { scripts }: Stores,
  broker: Broker,
): Part {
  return createAuditPublisher({
    trail: createAuditTrail(scripts, clock),
    outlet: broker.outlet,
    projects,
    region: config.cloud.region,
    clock,
    intervalMs: INTERVAL_MS,
    // One message may take all its attempts, and the next.
    leaseMs: 6 * config.amqp.confirmTimeoutMs,
    onPublished: (projectId, { action, by, reason, command, server, scope }) =>
      logger.info(
        { projectId, action, by, reason, commandId: command, serverId: server, scope },
        "a person acted by hand",
      ),
    onMissed: (projectId, count) =>
      logger.error({ projectId, count }, "actions of people were noted and never published"),
    onError: (err) => logger.error({ err }, "actions of people could not be published"),
  });
}
