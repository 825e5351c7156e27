import { createAuditTrail } from "../adapters/redis/audit-trail.ts";
import { createStrandedCommands } from "../adapters/redis/views/stranded-commands.ts";
import { createAuditPublisher } from "../background/audit-publisher.ts";
import { CommandId } from "../contract/ids.ts";
import { OPERATOR_ACTIONS } from "../contract/operator-actions.ts";
import type { WorkerDeps } from "../deliveries/worker-deps.ts";
import { createPublishSettled } from "../steps/publish-settled.ts";
import type { Ground } from "./ground.ts";
import type { Part } from "./lifecycle.ts";
import type { Stores } from "./stores.ts";

/** A person who acts sees the event about as soon. */
const INTERVAL_MS = 3_000;

/** Publishes what people do by hand. */
export function createWatchedAudit(
  { config, projects, clock, logger, metrics }: Ground,
  { redis, scripts }: Stores,
  { store, outlet }: Pick<WorkerDeps, "store" | "outlet">,
): Part {
  const stranded = createStrandedCommands(redis, clock);
  const publishSettled = createPublishSettled({ store, stranded, outlet, clock });
  return createAuditPublisher({
    trail: createAuditTrail(scripts, clock),
    outlet,
    projects,
    region: config.cloud.region,
    clock,
    intervalMs: INTERVAL_MS,
    // One message may take all its attempts, and the next.
    leaseMs: 6 * config.amqp.confirmTimeoutMs,
    async onPublished(projectId, { action, by, reason, command, server, scope }, signal) {
      logger.info(
        { projectId, action, by, reason, commandId: command, serverId: server, scope },
        "a person acted by hand",
      );
      const known = OPERATOR_ACTIONS.find((one) => one === action);
      if (known !== undefined) metrics.operatorAction(projectId, known);
      const id = CommandId.safeParse(command);
      if (action === "resolve" && id.success) await publishSettled(projectId, id.data, signal);
    },
    onMissed: (projectId, count) =>
      logger.error({ projectId, count }, "actions of people were noted and never published"),
    onError: (err) => logger.error({ err }, "actions of people could not be published"),
  });
}
