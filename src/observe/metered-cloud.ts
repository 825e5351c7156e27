import type { CloudApi } from "../steps/ports/cloud-api.ts";
import type { Metrics } from "./metrics/metrics.ts";

/** The cloud as it is, counting what became of each reinstall POST, and what is said of disks. */
export function meteredCloud<Api extends CloudApi>(cloud: Api, metrics: Metrics): Api {
  const reserve = cloud.reserve?.bind(cloud);
  return {
    ...cloud,
    ...(reserve && {
      async reserve(...args: Parameters<typeof reserve>) {
        const reserving = await reserve(...args);
        if (reserving.kind === "unavailable") return reserving;
        return { ...reserving, cloud: meteredCloud(reserving.cloud, metrics) };
      },
    }),
    ...(asksDisks(cloud) && countedDisks(cloud, metrics)),
    async sign(...request) {
      const [project] = request;
      const signing = await cloud.sign(...request);
      if (signing.kind !== "signed") return signing;
      const signed = signing.request;
      return {
        ...signing,
        request: {
          signedAtMs: signed.signedAtMs,
          async send(signal) {
            const outcome = await signed.send(signal);
            metrics.submission(outcome.kind, project);
            return outcome;
          },
        },
      };
    },
  };
}

type AsksDisks = Required<Pick<CloudApi, "disk">>;

function asksDisks(cloud: CloudApi): cloud is CloudApi & AsksDisks {
  return cloud.disk !== undefined;
}

function countedDisks(cloud: AsksDisks, metrics: Metrics): AsksDisks {
  return {
    async disk(...asked) {
      const look = await cloud.disk(...asked);
      metrics.diskAge(look.kind === "seen" && look.inFuture ? "in-future" : look.kind);
      return look;
    },
  };
}
