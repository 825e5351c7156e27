import type { SimulatorOptions } from "../src/simulator/options.ts";
import type { Simulator } from "../src/simulator/simulator.ts";
import type { PrivateRabbitMq } from "../test/support/rabbitmq/rabbitmq.ts";
import type { PrivateRedis } from "../test/support/redis/redis.ts";

/** One thing that is measured. A new case: a file that exports one of these, and its line in `cases.ts`. */
export interface BenchCase {
  /** As it is named on the command line and in the JSON. */
  readonly name: string;
  /** One line: what the figures are. */
  readonly title: string;
  /** Markdown, one paragraph: how it is measured. */
  readonly method: string;
  /** Markdown, one paragraph: what the figures are bounded by, and what would move them. */
  readonly bounds: string;
  /** The column whose earlier value a terminal shows beside each figure; `worker` unless said. */
  readonly compared?: string;
  /** Takes many minutes: measured with `--long`, or when it is named. */
  readonly isLong?: boolean;
  run(bench: Bench): Promise<readonly Figure[]>;
}

/** One measured quantity, of one or more programs that did the same. */
export interface Figure {
  readonly what: string;
  /** Of every value: `ms`, `MiB`, `1/s`. Empty for a plain count or a ratio. */
  readonly unit: string;
  /** By program, e.g. `worker`, `bare loop`. */
  readonly values: Readonly<Record<string, number>>;
}

/** What a case works with. The broker and Redis are private, and are used by one case after the other. */
export interface Bench {
  readonly rabbitMq: PrivateRabbitMq;
  readonly redis: PrivateRedis;
  /** `--long`: the sizes that take many minutes are measured as well. */
  readonly long: boolean;
  /** An empty Redis, a virtual host and a simulated cloud of its own. Closed with the case at the latest. */
  stage(cloud?: SimulatorOptions): Promise<Stage>;
  /** One line for whoever waits. */
  say(line: string): void;
}

export interface Stage {
  /** With the virtual host. */
  readonly amqpUrl: string;
  readonly redisUrl: string;
  readonly cloud: Simulator;
  close(): Promise<void>;
}
