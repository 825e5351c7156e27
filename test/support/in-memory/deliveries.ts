import { deliveryOf as amqpDeliveryOf } from "../../../src/adapters/amqp/delivery.ts";
import { waitingQueue } from "../../../src/adapters/amqp/topology/topology.ts";
import { routesOf } from "../../../src/composition/deliveries.ts";
import type { Delivery, Disposition } from "../../../src/steps/ports/outlet.ts";
import type { Worker } from "../../../src/worker.ts";
import { DEFAULT_AMQP_SETTINGS } from "../rabbitmq/amqp-settings.ts";
import type { Message, QueueName } from "./broker.ts";

const { names } = DEFAULT_AMQP_SETTINGS;

/** Hands a message of the in-memory broker to the worker, on the route that production takes for it. */
export function handOver(worker: Worker, message: Message): Promise<Disposition> {
  const routes = routesOf(worker, names.commandsQueue);
  const delivery = deliveryOf(message);
  switch (message.queue) {
    case "commands":
      return routes.commands(delivery);
    case "work":
      return routes.work(delivery);
    case "work.waiting":
      return routes.workWaiting(delivery);
    case "work.dead":
      return routes.workDead(delivery);
  }
}

/** Which command a message is about, whatever its body says: for whoever watches the broker. */
export const ABOUT_HEADER = "x-about";

/** As the real adapter reads a message. */
function deliveryOf({ content, queue, redelivered, death }: Message): Delivery {
  const { body, properties, about } = content;
  return amqpDeliveryOf(NAMES[queue], {
    content: body,
    fields: { redelivered },
    properties: {
      ...properties,
      headers: {
        ...properties.headers,
        [ABOUT_HEADER]: about,
        ...(death === null ? {} : { "x-death": [{ ...death, queue: NAMES[death.queue] }] }),
      },
    },
  });
}

const NAMES: Readonly<Record<QueueName, string>> = {
  commands: names.commandsQueue,
  work: names.workQueue,
  "work.waiting": waitingQueue(names),
  "work.dead": names.workDeadQueue,
};
