import type { ServerId } from "../../contract/ids.ts";
import type { MemoryChange } from "../../core/store-memory.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Logger } from "./logger.ts";

/** So many servers are named in one line. */
const NAMED_MOST = 50;

/** Counts each new memory of the store, and says of a loss what was lost and what is there again. */
export function memoryLog(metrics: Metrics, logger: Logger) {
  return ({ project, cause, before, now, putBack }: MemoryChange): void => {
    metrics.epochChanged(cause, project);
    metrics.locksPutBack(putBack.size);
    if (cause === "first") return;
    const lost =
      before === null
        ? { lost: "nobody remembers what was there: the internal queues existed before it" }
        : {
            commandsBefore: before.commands,
            commandsNow: now.commands,
            unresolvedPutBack: named(putBack),
            unresolvedLost: named(missing(owners(before.unresolved), now.unresolved)),
            otherServicesLost: named(missing(before.others, now.others)),
          };
    if (cause === "emptied") logger.error({ project, ...lost }, "redis has lost its data");
    else logger.warn({ project, ...lost }, "redis was restarted, or another server answers now");
  };
}

function owners(
  locks: ReadonlyMap<ServerId, { readonly owner: string }>,
): ReadonlyMap<ServerId, string> {
  return new Map([...locks].map(([server, { owner }]) => [server, owner]));
}

function missing(
  before: ReadonlyMap<ServerId, string>,
  now: ReadonlyMap<ServerId, unknown>,
): ReadonlyMap<ServerId, string> {
  return new Map([...before].filter(([server]) => !now.has(server)));
}

function named(servers: ReadonlyMap<ServerId, string>) {
  return {
    count: servers.size,
    servers: [...servers].slice(0, NAMED_MOST).map(([serverId, owner]) => ({ serverId, owner })),
  };
}
