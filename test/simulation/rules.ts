import type { Rules } from "../../src/core/rules.ts";

/** How long the simulated cloud takes a signature for valid. Everything else is proportional to it. */
export const SIGNATURE_WINDOW_MS = 300_000;
export const HEARTBEAT_MS = 10_000;
export const POST_TIMEOUT_MS = 10_000;
export const STORE_TIMEOUT_MS = 2_000;

/** The policy of `config/default.yaml`, a third as long. */
export const RULES: Rules = {
  ladderMs: [2_000, 5_000, 10_000, 30_000],
  jobDeadlineMs: 900_000,
  // The window, the clocks, the POST, and 30 s.
  postFenceMs: SIGNATURE_WINDOW_MS + 20_000 + POST_TIMEOUT_MS + 30_000,
  requestsExpire: true,
  settleMs: 0,
  readyTimeoutMs: null,
  unresolvedWatchMs: 3_600_000,
  maxSubmissions: 2,
  softStopMs: 40_000,
  stopDeadlineMs: 200_000,
  stopRunning: "always",
  userDataCheck: "strict",
  stopBy: "worker",
  powerAfter: "as-found",
  allow: "any",
  startDeadlineMs: 300_000,
  // Shorter than that: few seeds refuse so much for so long.
  stoppedWaitMs: 60_000,
  maxClockOffsetMs: 20_000,
  signatureMaxAgeMs: 10_000,
};

/** Longest delay, three heartbeats, 10 s. */
export const REBUILD_HOLD_MS = 30_000 + 3 * HEARTBEAT_MS + 10_000;
/** A third of the hold, as in production. */
export const PAUSE_INTERVAL_MS = Math.floor(REBUILD_HOLD_MS / 3);
export const EVIDENCE_MIN_SAMPLES = 3;
export const COMMAND_MAX_AGE_MS = 2_400_000;
export const SWEEP_INTERVAL_MS = 30_000;
export const SWEEP_AFTER_MS = 100_000;
/** As long beside it as in production (src/adapters/amqp/topology/topology.ts). */
export const WAITING_TTL_MS = 50_000;
