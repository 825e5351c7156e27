import type { ConnectionStatus } from "./connection/connection.ts";
import type { ConsumerStatus } from "./consumer.ts";
import type { PolicyReport } from "./topology/policy-watch.ts";
import type { TopologyProblem } from "./topology/topology-declaration.ts";

/** How the broker stands, from memory. */
export interface BrokerStatus {
  /** Consuming everywhere, messages can be published, and nothing is known to be missing. */
  readonly ready: boolean;
  /** Why the broker takes no messages, in its own words (`low on memory`); null: it did not say so. */
  readonly blockedBy: string | null;
  readonly connections: readonly ConnectionStatus[];
  readonly consumers: readonly ConsumerStatus[];
  /** What a person has to see to before this can work. */
  readonly topologyProblem: TopologyProblem | null;
  /** Policies over our queues; those that are refused keep the worker from being ready. */
  readonly policies: PolicyReport;
  /** What says most of what went wrong last, for people. */
  readonly lastError: string | null;
}

/** What each part says of itself. */
export interface StatusParts {
  readonly connections: readonly ConnectionStatus[];
  readonly consumers: readonly ConsumerStatus[];
  readonly publisher: {
    isBlocked(): boolean;
    readonly isMovingOver: boolean;
    readonly lastError: string | null;
  };
  readonly topologyProblem: TopologyProblem | null;
  readonly policies: PolicyReport;
}

/** The whole from its parts: it is as its worst one. */
export function brokerStatus(parts: StatusParts): BrokerStatus {
  const { connections, consumers, publisher, topologyProblem, policies } = parts;
  const blockedBy = connections.find((one) => one.blockedBy !== null)?.blockedBy ?? null;
  const consumingAll = consumers.length > 0 && consumers.every((consumer) => consumer.consuming);
  const publishing = !publisher.isBlocked() || publisher.isMovingOver;
  const refused = policies.objections.filter((objection) => objection.refused);
  const errors = [
    topologyProblem?.message,
    ...connections.map(({ lastError }) => lastError),
    ...consumers.map(({ lastError }) => lastError),
    publisher.lastError,
    refused.length === 0 ? null : refused.map(({ message }) => message).join("; "),
  ];
  return {
    ready: consumingAll && publishing && topologyProblem === null && refused.length === 0,
    blockedBy,
    connections,
    consumers,
    topologyProblem,
    policies,
    lastError: errors.find((error) => typeof error === "string") ?? null,
  };
}
