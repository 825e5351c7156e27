import type { Bench, Stage } from "../case.ts";
import type { Worker } from "./worker.ts";

/** What a program has asked of the three systems around it. */
export interface Counted {
  readonly deliveries: number;
  readonly publishes: number;
  readonly scripts: number;
  /** `INFO` within scripts. */
  readonly infos: number;
  /** Over the connection, to Redis. */
  readonly storeBytes: number;
  readonly posts: number;
  readonly gets: number;
}

/** As it is now. */
export async function countedOf(
  { redis }: Pick<Bench, "redis">,
  { cloud }: Stage,
  worker: Worker,
): Promise<Counted> {
  const [stats, commands] = await Promise.all(
    ["stats", "commandstats"].map(async (part) => String(await redis.command("INFO", part))),
  );
  const calls = (name: string) => Number(match(commands, `cmdstat_${name}:calls=(\\d+)`));
  const scripts = calls("evalsha") + calls("eval");
  const asked = cloud.calls();
  const all = Object.values(asked).reduce((sum, count) => sum + count, 0);
  return {
    deliveries: await worker.metric("ecs_reinstall_deliveries_total"),
    publishes: await worker.metric("ecs_reinstall_publishes_total"),
    scripts,
    infos: calls("info"),
    storeBytes: Number(match(stats, "total_net_input_bytes:(\\d+)")),
    posts: asked.reinstall,
    gets: all - asked.reinstall,
  };
}

/** What was asked between two counts, for each of so many commands. */
export function each(before: Counted, after: Counted, count: number): Counted {
  const mean = (name: keyof Counted) => (after[name] - before[name]) / count;
  return {
    deliveries: mean("deliveries"),
    publishes: mean("publishes"),
    scripts: mean("scripts"),
    infos: mean("infos"),
    storeBytes: mean("storeBytes"),
    posts: mean("posts"),
    gets: mean("gets"),
  };
}

function match(text: string | undefined, pattern: string): string {
  return new RegExp(pattern).exec(text ?? "")?.[1] ?? "0";
}
