import type { Bench } from "../case.ts";
import { redisMemory } from "./redis-memory.ts";
import type { Worker } from "./worker.ts";

export const MIB = 2 ** 20;

/** What the worker, RabbitMQ and Redis use now, each as a whole. MiB. */
export async function memoryOf({ rabbitMq, redis }: Bench, worker: Worker) {
  const [node] = (await rabbitMq.api("GET", "/nodes")) as { mem_used: number }[];
  return {
    worker: (await worker.metric("process_resident_memory_bytes")) / MIB,
    broker: (node?.mem_used ?? 0) / MIB,
    store: (await redisMemory(redis)) / MIB,
  };
}
