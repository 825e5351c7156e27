import { startSimulator } from "../../src/simulator/server.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../test/support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../../test/support/redis/redis.ts";
import type { Bench, BenchCase, Stage } from "../case.ts";
import { type CaseRecord, circumstances } from "./report.ts";
import type { Measured } from "./table.ts";

export interface RunOptions {
  readonly long: boolean;
  readonly say: (line: string) => void;
  /** After each case. */
  readonly onCase: (measured: Measured, record: CaseRecord) => void;
}

/** One case after the other, on one RabbitMQ and one Redis. Rejects with the first case that does. */
export async function runCases(
  cases: readonly BenchCase[],
  { long, say, onCase }: RunOptions,
): Promise<void> {
  say("starting RabbitMQ and Redis");
  const [rabbitMq, redis] = await Promise.all([startRabbitMq(), startRedis()]);
  try {
    for (const one of cases) {
      const stages: Stage[] = [];
      const bench: Bench = {
        rabbitMq,
        redis,
        long,
        say: (line) => say(`${one.name}: ${line}`),
        async stage(cloud) {
          const opened = await openStage(rabbitMq, redis, cloud);
          stages.push(opened);
          return opened;
        },
      };
      const where = circumstances();
      try {
        const figures = await one.run(bench);
        onCase({ of: one, figures }, { ...where, figures: [...figures] });
      } finally {
        for (const stage of stages) await stage.close();
      }
    }
  } finally {
    await Promise.all([rabbitMq.stop(), redis.stop()]);
  }
}

async function openStage(
  rabbitMq: PrivateRabbitMq,
  redis: PrivateRedis,
  options: Parameters<Bench["stage"]>[0],
): Promise<Stage> {
  await redis.flushAll();
  const vhost = await rabbitMq.newVhost();
  const cloud = await startSimulator(options);
  let closed = false;
  return {
    amqpUrl: vhost.url,
    redisUrl: redis.url,
    cloud,
    async close() {
      if (closed) return;
      closed = true;
      await cloud.close();
      await vhost.remove();
    },
  };
}
