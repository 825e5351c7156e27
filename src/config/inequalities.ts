import { MAX_COMMAND_BYTES } from "../contract/command.ts";
import { crowdPrefetch } from "../core/waiting/crowd.ts";
import type { Settings } from "./schema.ts";

/** A rule between settings that is broken: the setting to change first, and why. */
export interface Broken {
  /** Dotted path of the setting that the message is filed under. */
  readonly path: string;
  /** All settings that the rule compares. */
  readonly involves: readonly string[];
  readonly message: string;
  /** The environment variable to name, where it is not the setting's own. */
  readonly variable?: string;
}

/** Takes each rule that is broken. */
export type Report = (broken: Broken) => void;

/** The cloud refuses a signature that is older (ECS API notes §6.3, "Clock difference over 15 minutes is rejected"). */
const CLOUD_SIGNATURE_WINDOW_MS = 15 * 60_000;
const DAY_MS = 24 * 60 * 60_000;
/** A message in hand exists as bytes, as text, parsed, and as the message that follows from it. */
const COPIES_IN_HAND = 4;
/** Two queues are consumed with this prefetch, commands and work, and a third one with no more than a few. */
const CONSUMERS = 2;

/**
 * The rules of design.md §6 that no single setting can break. `unsafeTestWindows` lifts those that only
 * hold against the real cloud's 15 minutes, never those that would make a program that cannot work.
 */
export function brokenInequalities(settings: Settings, heapBytes: number): Broken[] {
  const windows = settings.protocol.unsafeTestWindows ? [] : windowRules(settings);
  return [...windows, ...generalRules(settings, heapBytes)].filter((broken) => broken !== null);
}

/** The hold when none is given: longest delay + 3 heartbeats + 10 s. Defaults: 60 000 + 30 000 + 10 000 = 100 000. */
export function derivedRebuildHoldMs({ amqp, protocol }: Settings): number {
  return longestDelayMs(protocol) + 3 * amqp.heartbeatSeconds * 1000 + 10_000;
}

function windowRules({ amqp, cloud, protocol, shutdown }: Settings): (Broken | null)[] {
  const { postMs } = cloud.timeouts;
  const windowMs = Math.max(protocol.signatureWindowMs, CLOUD_SIGNATURE_WINDOW_MS);
  const fenceMs = windowMs + protocol.maxClockOffsetMs + postMs;
  const holdMs = longestDelayMs(protocol) + 3 * amqp.heartbeatSeconds * 1000;
  // The fence, and the quiet time after it (core/rules.ts).
  const provenMs = Math.ceil((protocol.postFenceMs * 4) / 3);
  const dedupMs = protocol.commandMaxAgeMs + protocol.postFenceMs + DAY_MS;
  return [
    atLeast(
      ["protocol.signatureWindowMs", protocol.signatureWindowMs],
      CLOUD_SIGNATURE_WINDOW_MS,
      "the cloud takes a signature for 15 minutes (shorter needs UNSAFE_TEST_WINDOWS=true)",
      [],
    ),
    atLeast(
      ["protocol.postFenceMs", protocol.postFenceMs],
      fenceMs,
      `15 minutes or SIGNATURE_WINDOW_MS if longer (${windowMs}) + MAX_CLOCK_OFFSET_MS (${protocol.maxClockOffsetMs}) + ECS_POST_TIMEOUT_MS (${postMs}); before that a late request may still be carried out (shorter needs UNSAFE_TEST_WINDOWS=true)`,
      ["protocol.signatureWindowMs", "protocol.maxClockOffsetMs", "cloud.timeouts.postMs"],
    ),
    atLeast(
      ["shutdown.graceMs", shutdown.graceMs],
      postMs + 5000,
      `ECS_POST_TIMEOUT_MS (${postMs}) + 5000, so that a POST in flight is waited for`,
      ["cloud.timeouts.postMs"],
    ),
    atLeast(
      ["protocol.dedupTtlMs", protocol.dedupTtlMs],
      dedupMs,
      `COMMAND_MAX_AGE_MS (${protocol.commandMaxAgeMs}) + POST_FENCE_MS (${protocol.postFenceMs}) + a day (${DAY_MS}), or a late copy of a finished command is taken for a new one`,
      ["protocol.commandMaxAgeMs", "protocol.postFenceMs"],
    ),
    protocol.rebuildHoldMs === undefined
      ? null
      : atLeast(
          ["protocol.rebuildHoldMs", protocol.rebuildHoldMs],
          holdMs,
          `the longest of POLL_INTERVALS_MS (${longestDelayMs(protocol)}) + three times AMQP_HEARTBEAT_SECONDS (${3 * amqp.heartbeatSeconds * 1000}), or a lock is given before its owner's message is back`,
          ["protocol.pollIntervalsMs", "amqp.heartbeatSeconds"],
        ),
    atLeast(
      ["protocol.jobDeadlineMs", protocol.jobDeadlineMs],
      provenMs + longestDelayMs(protocol),
      `POST_FENCE_MS (${protocol.postFenceMs}) and a third, when a request that may have run is proven dead, + the longest of POLL_INTERVALS_MS (${longestDelayMs(protocol)}), or an unknown outcome is never proven`,
      ["protocol.postFenceMs", "protocol.pollIntervalsMs"],
    ),
    atMost(
      ["protocol.signatureMaxAgeMs", protocol.signatureMaxAgeMs],
      protocol.signatureWindowMs - protocol.maxClockOffsetMs - postMs,
      `SIGNATURE_WINDOW_MS (${protocol.signatureWindowMs}) - MAX_CLOCK_OFFSET_MS (${protocol.maxClockOffsetMs}) - ECS_POST_TIMEOUT_MS (${postMs})`,
      ["protocol.signatureWindowMs", "protocol.maxClockOffsetMs", "cloud.timeouts.postMs"],
    ),
  ];
}

function generalRules({ amqp, redis, protocol }: Settings, heapBytes: number): (Broken | null)[] {
  const longest = longestDelayMs(protocol);
  const waiting = crowdPrefetch(amqp.prefetch);
  const inHandBytes = (amqp.prefetch * CONSUMERS + waiting) * MAX_COMMAND_BYTES * COPIES_IN_HAND;
  return [
    inHandBytes <= heapBytes / 4
      ? null
      : {
          path: "amqp.prefetch",
          involves: ["amqp.prefetch"],
          message: `(${amqp.prefetch} messages x ${CONSUMERS} queues + ${waiting}) x ${MAX_COMMAND_BYTES} bytes x ${COPIES_IN_HAND} copies = ${inHandBytes} bytes must be at most a quarter of the heap (${Math.floor(heapBytes / 4)}): lower it, or raise --max-old-space-size`,
        },
    atLeast(
      ["protocol.sweepAfterMs", protocol.sweepAfterMs],
      2 * longest,
      `twice the longest of POLL_INTERVALS_MS (${longest}), or commands that only wait are taken for stuck`,
      ["protocol.pollIntervalsMs"],
    ),
    protocol.sweepAfterMs < 600_000
      ? null
      : {
          path: "protocol.sweepAfterMs",
          involves: ["protocol.sweepAfterMs"],
          message: `must be less than 600000 (10 minutes), and is ${protocol.sweepAfterMs}`,
        },
    atMost(
      ["protocol.softStopMs", protocol.softStopMs],
      protocol.stopDeadlineMs,
      `STOP_DEADLINE_MS (${protocol.stopDeadlineMs})`,
      ["protocol.stopDeadlineMs"],
    ),
    protocol.readyProbe === undefined
      ? null
      : atLeast(
          ["protocol.readyTimeoutMs", protocol.readyTimeoutMs],
          Math.min(...protocol.pollIntervalsMs),
          `the shortest of POLL_INTERVALS_MS (${Math.min(...protocol.pollIntervalsMs)}), or a server has no time to answer READY_PROBE`,
          ["protocol.pollIntervalsMs", "protocol.readyProbe"],
        ),
    atMost(
      ["amqp.reconnect.initialMs", amqp.reconnect.initialMs],
      amqp.reconnect.maxMs,
      `AMQP_RECONNECT_MAX_MS (${amqp.reconnect.maxMs})`,
      ["amqp.reconnect.maxMs"],
    ),
    redis.waitReplicas === 0
      ? null
      : atMost(
          ["redis.waitTimeoutMs", redis.waitTimeoutMs],
          redis.commandTimeoutMs - 1,
          `less than REDIS_COMMAND_TIMEOUT_MS (${redis.commandTimeoutMs}), or the wait is cut off before it can say how many replicas have it`,
          ["redis.commandTimeoutMs", "redis.waitReplicas"],
        ),
  ];
}

function longestDelayMs({ pollIntervalsMs }: Settings["protocol"]): number {
  return Math.max(...pollIntervalsMs);
}

function atLeast(
  [path, value]: readonly [string, number],
  bound: number,
  why: string,
  involves: readonly string[],
): Broken | null {
  if (value >= bound) return null;
  return {
    path,
    involves: [path, ...involves],
    message: `must be at least ${bound}, and is ${value}: ${why}`,
  };
}

function atMost(
  [path, value]: readonly [string, number],
  bound: number,
  why: string,
  involves: readonly string[],
): Broken | null {
  if (value <= bound) return null;
  return {
    path,
    involves: [path, ...involves],
    message: `must be at most ${bound}, and is ${value}: ${why}`,
  };
}
