import { createCloudApi } from "../adapters/cloud/cloud-api.ts";
import { createSharedRefusals } from "../adapters/redis/shared-refusals.ts";
import { createCloudProver } from "../background/cloud-prover.ts";
import type { ProjectId } from "../contract/ids.ts";
import type { Ground } from "./ground.ts";
import type { Part } from "./lifecycle.ts";
import { cloudSettings } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** Huawei Cloud, within the request budget and the count of refused credentials that all workers share in Redis. */
export function createCloud(ground: Ground, { redis, budget }: Stores) {
  const { config, projects, clock, logger, metrics, tracing, signal } = ground;
  const cloud = createCloudApi(cloudSettings(config), {
    clock,
    budget,
    refusals: createSharedRefusals({
      redis,
      clock,
      onTrouble: (detail) => logger.warn({ detail }, "refused credentials are counted alone"),
    }),
    onRequest(request) {
      metrics.cloudRequest(request);
      tracing?.cloudRequest(request);
    },
  });
  clock.followCloud(() => cloud.timeMs());
  const prover: Part = createCloudProver({
    cloud,
    // The configuration has at least one.
    project: projects[0] as ProjectId,
    clock,
    refusedPauseMs: config.cloud.breaker.authOpenMs,
    isCountKnown: () => redis.status === "ready",
    signal,
    onTurn({ name: part, state, cause: detail }) {
      if (state === "down") logger.warn({ part, detail }, "a part of the cloud is down");
      else logger.info({ part }, "a part of the cloud is up again");
    },
    onProject(projectId, detail) {
      if (detail === null)
        logger.info({ projectId }, "the cloud takes the credentials for a project again");
      else logger.warn({ projectId, detail }, "the cloud refuses the credentials for one project");
    },
    onError: (error) => logger.error({ err: error }, "the cloud could not be asked"),
  });
  const part: Part = { stop: () => cloud.close() };
  return { cloud, prover, part };
}
