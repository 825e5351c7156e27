import amqp from "amqplib";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import type { Simulator } from "../../src/simulator/simulator.ts";
import { reinstallCommand } from "../../test/support/emitter/emitter.ts";

/** Publishes commands and counts what has succeeded. */
export interface Emitter {
  /** One command for a server of its own, which is shut off: it needs no stop. Not confirmed by the broker. */
  send(project?: string): void;
  /** Resolves when so many commands have succeeded, all in all. Rejects after the time-out. */
  succeeded(count: number, timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
}

const EVENTS = "ecs.reinstall.events";
const COMMANDS = "ecs.reinstall.commands";

/** On a virtual host where the events' exchange and the commands' are declared already, or will be as these are. */
export async function openEmitter(amqpUrl: string, cloud: Simulator): Promise<Emitter> {
  const connection = await amqp.connect(amqpUrl);
  const channel = await connection.createChannel();
  for (const exchange of [EVENTS, COMMANDS]) {
    await channel.assertExchange(exchange, "topic", { durable: true });
  }
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, EVENTS, "#.succeeded");
  let sent = 0;
  const ends = countingEnds();
  await channel.consume(queue, ends.count, { noAck: true });
  return {
    send(project = DEFAULT_PROJECT_ID) {
      const server = cloud.addServer({ state: "SHUTOFF", projectId: project });
      const body = reinstallCommand(`bench-${sent++}`, server.id, { project_id: project });
      channel.publish(COMMANDS, "reinstall", Buffer.from(JSON.stringify(body)), {
        contentType: "application/json",
        persistent: true,
      });
    },
    succeeded: ends.reach,
    close: () => connection.close(),
  };
}

/** Counts ends, and says when there are so many. */
export function countingEnds() {
  let ended = 0;
  let notice = () => {};
  return {
    count: () => {
      ended++;
      notice();
    },
    /** Rejects after the time-out. */
    reach: async (count: number, timeoutMs = 600_000): Promise<void> => {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () =>
            reject(new Error(`${ended} of ${count} commands have succeeded in ${timeoutMs} ms`)),
          timeoutMs,
        );
        notice = () => {
          if (ended < count) return;
          clearTimeout(timer);
          resolve();
        };
        notice();
      });
    },
  };
}
