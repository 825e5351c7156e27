import type { DiskEvidence } from "../../steps/ports/disk-evidence.ts";
import type { RedisClient } from "./connection/client.ts";
import { evidenceKey } from "./keys.ts";

/** For volumes whose type the cloud does not say. */
const UNTYPED = "untyped";

export interface EvidenceCounts {
  readonly volumeType: string;
  readonly replaced: number;
  readonly kept: number;
}

/**
 * Counts, per region and volume type, how often a reinstall that the cloud called successful replaced the
 * system disk. "The same disk" proves something only where enough did and none did not (design §5).
 */
export function createDiskEvidence(
  redis: RedisClient,
  region: string,
  minSamples: number,
): DiskEvidence & { counts(): Promise<EvidenceCounts[]> } {
  const key = evidenceKey(region);
  return {
    async trust(volumeType) {
      const type = volumeType ?? UNTYPED;
      try {
        const [replaced, kept] = await redis.hmget(key, `${type}:replaced`, `${type}:kept`);
        if (Number(kept ?? 0) > 0) return "contradicted";
        return Number(replaced ?? 0) >= minSamples ? "trusted" : "untested";
      } catch {
        // Without the counters nothing is proven; the step looks again later.
        return "untested";
      }
    },
    async count(volumeType, disk) {
      try {
        await redis.hincrby(key, `${volumeType ?? UNTYPED}:${disk}`, 1);
        return "counted";
      } catch {
        return "away";
      }
    },
    async counts() {
      const all = await redis.hgetall(key);
      const types = new Set(
        Object.keys(all).map((field) => field.replace(/:(replaced|kept)$/, "")),
      );
      return [...types].map((volumeType) => ({
        volumeType,
        replaced: Number(all[`${volumeType}:replaced`] ?? 0),
        kept: Number(all[`${volumeType}:kept`] ?? 0),
      }));
    },
  };
}
