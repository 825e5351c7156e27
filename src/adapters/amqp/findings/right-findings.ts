import type { ConfirmChannel } from "amqplib";
import type { Examined } from "./examined.ts";
import { ask } from "./question.ts";
import { topologyOf, waitingQueue } from "../topology/topology.ts";

/** A right that the worker needs, and a question that shows it and changes nothing. */
interface Right {
  readonly kind: "configure" | "write" | "read";
  /** A queue or an exchange; `amq.default` for the default exchange. */
  readonly resource: string;
  readonly question: (channel: ConfirmChannel) => Promise<unknown>;
}

/** Of a binding that nobody has: to remove it is allowed or refused, and changes nothing. */
const NO_BINDING = "ecs-reinstall-doctor-asks";

/**
 * Each right by itself, by asking for something that the broker refuses, or does without effect, right after it has
 * looked at the right:
 *
 * - configure: declares what is there, as it is there (only where the worker would: AMQP_DECLARE);
 * - write: removes a binding that does not exist; of the default exchange: an empty message to a queue that does not exist;
 * - read: consumes with a priority that is no number, which is refused before a consumer is made.
 */
export async function rightFindings(examined: Examined): Promise<void> {
  const { model, settings, found, user } = examined;
  for (const { kind, resource, question } of rightsOf(examined)) {
    const check = `right to ${kind} '${resource}'`;
    const reply = await ask(model, question, settings.rpcTimeoutMs);
    const refused =
      reply.kind === "no" && reply.code === 403 && reply.text.includes(`'${resource}'`);
    const absent = reply.kind === "no" && reply.code === 404;
    if (refused) {
      const todo = `Give user '${user}' the right to ${kind} it (config/rabbitmq-permissions.example).`;
      found.wrong(check, reply.text, todo);
    } else if (!absent) found.ok(check, "given");
  }
}

function rightsOf({ settings }: Examined): readonly Right[] {
  const { names, declare } = settings;
  const plan = topologyOf(settings);
  const { commandsQueue, workQueue, workDeadQueue } = names;
  const consumed = [commandsQueue, workQueue, waitingQueue(names), workDeadQueue];
  return [
    ...(declare ? configured(plan) : []),
    {
      kind: "write",
      resource: "amq.default",
      question: (channel) => publishNowhere(channel, names.workQueue),
    },
    {
      kind: "write",
      resource: names.eventsExchange,
      question: (channel) =>
        channel.unbindExchange(names.eventsExchange, names.commandsExchange, NO_BINDING),
    },
    ...consumed.map(
      (queue): Right => ({
        kind: "read",
        resource: queue,
        question: (channel) => consumeNothing(channel, queue),
      }),
    ),
  ];
}

/** What is not there is not made: the question is asked only after the broker has found it. */
function configured({ exchanges, queues }: ReturnType<typeof topologyOf>): readonly Right[] {
  return [
    ...exchanges.map(
      ({ name }): Right => ({
        kind: "configure",
        resource: name,
        async question(channel) {
          await channel.checkExchange(name);
          await channel.assertExchange(name, "topic", { durable: true });
        },
      }),
    ),
    ...queues.map(
      (queue): Right => ({
        kind: "configure",
        resource: queue.name,
        async question(channel) {
          await channel.checkQueue(queue.name);
          await channel.assertQueue(queue.name, {
            durable: true,
            arguments: { ...queue.arguments },
          });
        },
      }),
    ),
  ];
}

async function publishNowhere(channel: ConfirmChannel, workQueue: string): Promise<void> {
  channel.publish("", `${workQueue}.probe`, Buffer.alloc(0), { persistent: false });
  await channel.waitForConfirms();
}

/** RabbitMQ looks at the right first, then at the arguments: `x-priority` must be a number. */
async function consumeNothing(channel: ConfirmChannel, queue: string): Promise<void> {
  const wrong = { arguments: { "x-priority": "none" } };
  const { consumerTag } = await channel.consume(queue, () => undefined, wrong);
  // A broker that takes it all the same gets everything back with the channel.
  await channel.cancel(consumerTag);
}
