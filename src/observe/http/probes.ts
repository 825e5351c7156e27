import type { Probe } from "../health.ts";

/** As much of the broker's status as a person is shown. */
interface BrokerStanding {
  readonly ready: boolean;
  /** In the broker's own words; null: it did not say that it takes no messages. */
  readonly blockedBy: string | null;
  readonly topologyProblem: { readonly message: string } | null;
  readonly policies: {
    readonly unchecked: string | null;
    readonly objections: readonly { readonly message: string }[];
  };
  readonly lastError: string | null;
}

/** One thing that requests to the cloud go through; `cause` is for people, null while it is up. */
interface CloudStanding {
  readonly name: string;
  readonly state: "up" | "untested" | "down";
  readonly cause: string | null;
}

type Checked = ReturnType<Probe["check"]>;

/** RabbitMQ is up when everything is consumed and messages are taken. */
export function brokerProbe(broker: { status(): BrokerStanding }): Probe {
  return {
    name: "rabbitmq",
    check(): Checked {
      const status = broker.status();
      if (status.ready) return { state: "up", detail: policyDetail(status.policies) };
      const detail = status.topologyProblem?.message ?? status.lastError;
      if (status.blockedBy === null) return { state: "down", detail };
      // What else is wrong mostly follows from it.
      return { state: "down", detail: `blocked: ${status.blockedBy}` };
    },
  };
}

/** What a person should know though everything works. */
function policyDetail({ unchecked, objections }: BrokerStanding["policies"]): string | null {
  if (objections.length > 0) return objections.map(({ message }) => message).join("; ");
  return unchecked === null ? null : `policies over the queues are not checked: ${unchecked}`;
}

/** The cloud is as its worst part: each endpoint, our credentials, our clock. What nothing has proven yet is `untested`. */
export function cloudProbe(cloud: { standings(): readonly CloudStanding[] }): Probe {
  return {
    name: "cloud",
    check(): Checked {
      const standings = cloud.standings();
      const state =
        (["down", "untested"] as const).find((worst) =>
          standings.some((one) => one.state === worst),
        ) ?? "up";
      const detail = standings
        .map(({ name, state, cause }) => `${name}: ${state}${cause === null ? "" : `, ${cause}`}`)
        .join("; ");
      return { state, detail };
    },
  };
}
