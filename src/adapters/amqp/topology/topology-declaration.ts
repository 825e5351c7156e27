import type { Channel } from "amqplib";
import type { AmqpSettings } from "../settings.ts";
import { type QueuePlan, topologyOf } from "./topology.ts";
import { within } from "../../time-limits.ts";

/** What a person has to see to: asking again changes nothing. */
export interface TopologyProblem {
  /** e.g. `queue 'ecs.reinstall.work'`. */
  readonly resource: string;
  /** AMQP reply code: 403 no permission, 404 missing, 405 held exclusively, 406 exists with other arguments, or a limit is reached. */
  readonly code: number;
  /** With 406: the argument that differs. */
  readonly argument: string | null;
  readonly message: string;
}

/** Everything is there, or what a person has to see to first. */
export type TopologyOutcome =
  /** `createdFresh`: not one of the internal queues existed, so nothing of ours can be in flight. */
  | { readonly kind: "ready"; readonly createdFresh: boolean }
  | { readonly kind: "refused"; readonly problem: TopologyProblem };

/**
 * Declares everything, or with `declare: false` looks whether it is there. May be repeated. Rejects only for what
 * passes by itself: connection lost, no answer in time.
 *
 * @param openChannel gives a throw-away channel: the broker closes it with the first "no"
 */
export async function establishTopology(
  openChannel: () => Promise<Channel>,
  settings: AmqpSettings,
): Promise<TopologyOutcome> {
  const ask = new Asker(openChannel, settings.rpcTimeoutMs);
  try {
    return await (settings.declare ? declare(ask, settings) : check(ask, settings));
  } catch (error) {
    if (error instanceof RefusedError) return { kind: "refused", problem: error.problem };
    throw error;
  } finally {
    await ask.close();
  }
}

async function declare(ask: Asker, settings: AmqpSettings): Promise<TopologyOutcome> {
  const plan = topologyOf(settings);
  const createdFresh = await noneExists(
    ask,
    plan.queues.filter(({ internal }) => internal),
  );
  for (const { name } of plan.exchanges)
    await ask.to(`exchange '${name}'`, (channel) =>
      channel.assertExchange(name, "topic", { durable: true }),
    );
  for (const queue of plan.queues)
    await ask.to(`queue '${queue.name}'`, (channel) =>
      channel.assertQueue(queue.name, { durable: true, arguments: { ...queue.arguments } }),
    );
  for (const { queue, exchange, key } of plan.bindings)
    await ask.to(`binding of queue '${queue}' to exchange '${exchange}'`, (channel) =>
      channel.bindQueue(queue, exchange, key),
    );
  return { kind: "ready", createdFresh };
}

/** AMQP cannot ask for bindings or arguments: only that the names exist. */
async function check(ask: Asker, settings: AmqpSettings): Promise<TopologyOutcome> {
  const plan = topologyOf(settings);
  for (const { name } of plan.exchanges)
    await ask.to(`exchange '${name}'`, (channel) => channel.checkExchange(name));
  for (const { name } of plan.queues)
    await ask.to(`queue '${name}'`, (channel) => channel.checkQueue(name));
  return { kind: "ready", createdFresh: false };
}

/** A queue as the broker shows it to everybody. */
export interface QueueState {
  /** Messages that wait for a consumer. */
  readonly messages: number;
  readonly consumers: number;
}

/** How each of our queues stands; null: it is not there. Rejects like {@link establishTopology}. */
export async function queueStates(
  openChannel: () => Promise<Channel>,
  settings: AmqpSettings,
): Promise<ReadonlyMap<string, QueueState | null>> {
  const ask = new Asker(openChannel, settings.rpcTimeoutMs);
  const states = new Map<string, QueueState | null>();
  try {
    for (const { name } of topologyOf(settings).queues) states.set(name, await stateOf(ask, name));
    return states;
  } finally {
    await ask.close();
  }
}

async function stateOf(ask: Asker, name: string): Promise<QueueState | null> {
  try {
    const ok = await ask.to(`queue '${name}'`, (channel) => channel.checkQueue(name));
    return { messages: ok.messageCount, consumers: ok.consumerCount };
  } catch (error) {
    if (error instanceof RefusedError && error.problem.code === 404) return null;
    throw error;
  }
}

async function noneExists(ask: Asker, queues: readonly QueuePlan[]): Promise<boolean> {
  for (const { name } of queues) {
    if ((await stateOf(ask, name)) !== null) return false;
  }
  return true;
}

/** Asks the broker one thing after the other, on one channel until a "no" costs that channel. */
class Asker {
  readonly #openChannel: () => Promise<Channel>;
  readonly #timeoutMs: number;
  #channel: Channel | undefined;

  constructor(openChannel: () => Promise<Channel>, timeoutMs: number) {
    this.#openChannel = openChannel;
    this.#timeoutMs = timeoutMs;
  }

  async to<T>(resource: string, question: (channel: Channel) => Promise<T>): Promise<T> {
    this.#channel ??= await this.#openChannel();
    try {
      return await within(question(this.#channel), this.#timeoutMs, resource);
    } catch (error) {
      const channel = this.#channel;
      this.#channel = undefined;
      const problem = problemOf(error, resource);
      if (problem === undefined) {
        channel.close().catch(() => undefined);
        throw error;
      }
      throw new RefusedError(problem, error);
    }
  }

  async close(): Promise<void> {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel === undefined) return;
    await within(channel.close(), this.#timeoutMs, "channel.close").catch(() => undefined);
  }
}

class RefusedError extends Error {
  readonly problem: TopologyProblem;

  constructor(problem: TopologyProblem, cause: unknown) {
    super(problem.message, { cause });
    this.problem = problem;
  }
}

function problemOf(error: unknown, resource: string): TopologyProblem | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  const said = /with message "(.*)"$/s.exec(error.message)?.[1] ?? error.message;
  const about = (sentence: string, argument: string | null = null) =>
    ({ resource, code, argument, message: `${resource} ${sentence} (${said})` }) as TopologyProblem;
  switch (code) {
    case 403:
      return about("is refused to this user");
    case 404:
      return about("does not exist");
    case 405:
      return about("is held exclusively by another connection");
    case 406: {
      const argument = /inequivalent arg '([^']+)'/.exec(said)?.[1] ?? null;
      if (/\blimit\b.* is reached/.test(said)) {
        return about("cannot be declared: there are as many as the broker, or its vhost, may have");
      }
      return about(
        argument === null
          ? "exists in another form"
          : `exists with another ${argument}: remove it when it is empty, or choose other names`,
        argument,
      );
    }
    default:
      return undefined;
  }
}
