import { randomUUID } from "node:crypto";
import { Queue, QueueEvents } from "bullmq";
import { reinstallCommand } from "../../test/support/emitter/emitter.ts";
import { QUEUE } from "../bare/child.ts";
import { countingEnds, type Emitter } from "./emitter.ts";

/** Adds commands as jobs of a BullMQ queue, and counts those that have completed. */
export async function openBullMqEmitter(redisUrl: string): Promise<Emitter> {
  const connection = { url: redisUrl };
  const queue = new Queue(QUEUE, { connection });
  const events = new QueueEvents(QUEUE, { connection });
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  const ends = countingEnds();
  events.on("completed", ends.count);
  let sent = 0;
  let added: Promise<unknown> = Promise.resolve();
  return {
    send() {
      const command = reinstallCommand(`bench-${sent++}`, randomUUID());
      added = Promise.all([added, queue.add("reinstall", command)]);
    },
    async succeeded(count, timeoutMs) {
      await added;
      await ends.reach(count, timeoutMs);
    },
    async close() {
      await Promise.all([queue.close(), events.close()]);
    },
  };
}
