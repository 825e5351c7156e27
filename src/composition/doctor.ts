import { brokerFindings } from "../adapters/amqp/findings/broker-findings.ts";
import { UNLIMITED } from "../adapters/cloud/budget.ts";
import { createCloudApi } from "../adapters/cloud/cloud-api.ts";
import { cloudFindings } from "../adapters/cloud/cloud-findings.ts";
import { storeFindings } from "../adapters/redis/connection/store-findings.ts";
import { systemClock } from "../adapters/system-clock.ts";
import type { Config } from "../config/assemble.ts";
import type { Finding } from "../contract/finding.ts";
import type { Ground } from "./ground.ts";
import type { Part } from "./lifecycle.ts";
import { amqpSettings, cloudSettings, redisSettings } from "./settings.ts";

/** Looks at everything that the worker stands on, over connections of its own; changes nothing, never rejects. */
export async function examine(config: Config, signal: AbortSignal): Promise<readonly Finding[]> {
  const cloud = createCloudApi(cloudSettings(config), { clock: systemClock, budget: UNLIMITED });
  try {
    const all = await Promise.all([
      ...servicesOf(config, signal),
      cloudFindings(
        {
          cloud,
          projects: config.cloud.projects,
          requestsPerSecond: config.cloud.budget.requestsPerSecond,
        },
        signal,
      ),
    ]);
    return all.flat();
  } finally {
    await cloud.close();
  }
}

function servicesOf(config: Config, signal: AbortSignal): Promise<readonly Finding[]>[] {
  const store = {
    settings: redisSettings(config.redis),
    projects: config.cloud.projects,
    region: config.cloud.region,
    waitReplicas: config.redis.waitReplicas,
    maxClockOffsetMs: config.protocol.maxClockOffsetMs,
    nowMs: () => systemClock.nowMs(),
  };
  const about = { namesSenders: config.brakes.senders.length > 0 };
  return [brokerFindings(amqpSettings(config), about, signal), storeFindings(store, signal)];
}

const LOOK_MS = 1_000;

/**
 * The same at the start of a worker, once everything it needs is there: what is not right is a line of the log, and never
 * a reason to stop. The cloud is left out: the worker itself has asked it, and readiness says how it is.
 */
export function doctorAtStart({ config, logger }: Ground, health: { allUp(): boolean }): Part {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;

  async function look(): Promise<void> {
    const found = (await Promise.all(servicesOf(config, stopping.signal))).flat();
    if (stopping.signal.aborted) return;
    for (const { area, check, verdict, says, todo } of found) {
      const level = verdict === "ok" ? "debug" : "warn";
      logger[level](
        { area, check, verdict, says, ...(todo !== null && { todo }) },
        "checked at start",
      );
    }
    const count = (asked: Finding["verdict"]) =>
      found.filter(({ verdict }) => verdict === asked).length;
    const sums = { ok: count("ok"), warning: count("warning"), wrong: count("wrong") };
    logger.info(sums, "broker and redis were checked");
  }

  return {
    start() {
      timer = setInterval(() => {
        if (!health.allUp()) return;
        clearInterval(timer);
        looking = look().catch((error: unknown) => {
          logger.error({ err: error }, "the checks at start failed");
        });
      }, LOOK_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      stopping.abort();
      await looking;
    },
  };
}
