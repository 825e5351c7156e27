import type { Broker, BrokerStatus } from "../adapters/amqp/broker.ts";
import type { CloudState } from "../adapters/cloud/cloud-api.ts";
import type { Probe } from "./health.ts";

type Checked = ReturnType<Probe["check"]>;

/** RabbitMQ is up when everything is consumed and messages are taken. */
export function brokerProbe(broker: Pick<Broker, "status">): Probe {
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
function policyDetail({ unchecked, objections }: BrokerStatus["policies"]): string | null {
  if (objections.length > 0) return objections.map(({ message }) => message).join("; ");
  return unchecked === null ? null : `policies over the queues are not checked: ${unchecked}`;
}

/** The cloud is up until a breaker says otherwise: nobody asks it for health's sake. */
export function cloudProbe(cloud: { state(): CloudState }): Probe {
  return {
    name: "cloud",
    check(): Checked {
      const { auth, endpoint } = cloud.state();
      if (auth === "open") {
        return { state: "down", detail: "the cloud refuses our credentials; nothing is sent" };
      }
      if (endpoint === "open") return { state: "down", detail: "the API does not answer" };
      return { state: "up", detail: null };
    },
  };
}
