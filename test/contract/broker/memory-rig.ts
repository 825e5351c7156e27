import { MemoryBroker, type Message } from "../../support/in-memory/broker.ts";
import { handOver } from "../../support/in-memory/deliveries.ts";
import { atOnce, createMemoryOutlet } from "../../support/in-memory/outlet.ts";
import { VirtualTime } from "../../support/in-memory/virtual-time.ts";
import { createHands } from "./hands.ts";
import {
  type BrokerRig,
  NOWHERE,
  type Left,
  LADDER_MS,
  type RigOptions,
  type Taker,
} from "./rig.ts";

/** What no test waits for in vain: then nothing more would happen. */
const LONG_MS = 60_000;
const RESTART_MS = 5_000;

/** The broker of the simulation. `copyLateMs`: what is dead-lettered comes a second time, so much later. */
export function memoryRigs({ copyLateMs = null }: { copyLateMs?: number | null } = {}) {
  return async ({
    deliveryLimit = 100,
    waitingTtlMs = LONG_MS,
  }: RigOptions = {}): Promise<BrokerRig> => {
    let ties = 0;
    let turn = 0;
    // First come, first served, and each taker in its turn: what chance does is the simulation's.
    const time = new VirtualTime(() => (ties += 1));
    const broker = new MemoryBroker({
      time,
      choose: (n) => (n === 0 ? 0 : (turn += 1) % n),
      deliveryLimit: { commands: deliveryLimit, work: deliveryLimit },
      waitingTtlMs,
      handOver: () => ({ lateMs: 0, copyLateMs }),
    });
    let eventsRefused = false;
    const left: Left = { events: [], replies: [], dead: [] };
    const outlet = createMemoryOutlet({
      broker,
      ladderMs: LADDER_MS,
      transport: async (label, accept, signal) =>
        eventsRefused && label.startsWith("publish event")
          ? "refused"
          : atOnce(label, accept, signal),
      onEvent: ({ id }, routingKey) => left.events.push({ id, routingKey }),
      onReply({ id }, queue, correlationId) {
        if (queue !== NOWHERE) left.replies.push({ id, correlationId });
      },
      onDead: (messageId, reason, body) => left.dead.push({ messageId, reason, body }),
    });
    const until = async (holds: () => boolean, what: string) => {
      const deadlineMs = time.nowMs + LONG_MS;
      for (;;) {
        await promisesHaveRun();
        if (holds()) return;
        if (!time.step(deadlineMs)) throw new Error(`${what}: nothing more happens`);
      }
    };

    return {
      outlet,
      left,
      until,
      nowMs: () => time.nowMs,
      async connect({ prefetch = 4, answer } = {}): Promise<Taker> {
        const hands = createHands(() => time.nowMs, answer);
        let onEmpty = () => {};
        const take = async (message: Message) => {
          const disposition = await handOver(hands.worker, message);
          connection.settle(message, disposition);
          if (connection.unacked().length === 0) onEmpty();
        };
        const connection = broker.connect(prefetch, (message) => void take(message));
        return {
          hands,
          leave: () =>
            new Promise((resolve) => {
              connection.cancel();
              onEmpty = () => {
                connection.close();
                resolve();
              };
              if (connection.unacked().length === 0) onEmpty();
            }),
          cut: async () => connection.close(),
        };
      },
      async send({ messageId, body = Buffer.from("{}"), timestampMs, headers, ...properties }) {
        broker.put("commands", {
          about: messageId,
          kind: "command",
          body,
          label: "command",
          properties: {
            messageId,
            ...properties,
            ...(timestampMs === undefined ? {} : { timestamp: timestampMs / 1_000 }),
            ...(headers === undefined ? {} : { headers }),
          },
        });
      },
      setAlarm: async (on) => broker.setAlarm(on),
      async refuseEvents() {
        eventsRefused = true;
      },
      kill: async () => broker.setUp(false),
      async restart() {
        // What is due meanwhile has to wait.
        const upMs = time.nowMs + RESTART_MS;
        while (time.step(upMs));
        broker.setUp(true);
      },
      close: async () => broker.setUp(false),
    };
  };
}

function promisesHaveRun(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
