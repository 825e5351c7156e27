/*
 * The real cloud takes minutes for a reinstall and 15 minutes to be sure that a lost request is dead. The story takes
 * half a minute: every time below is short, and the worker is told so with UNSAFE_TEST_WINDOWS, which nothing but a
 * simulator may ever be used with.
 */

/** How long the simulated cloud takes for things. */
export const CLOUD_TIMES = {
  jobDurationMs: 3_000,
  stopDurationMs: 1_000,
  /** A signature older than this is refused: 15 minutes in the real cloud. */
  signatureWindowMs: 4_000,
} as const;

/** How long the workers wait for things. */
export const WORKER_TIMES: Readonly<Record<string, string>> = {
  UNSAFE_TEST_WINDOWS: "true",
  POLL_INTERVALS_MS: "300,600,1200",
  SIGNATURE_WINDOW_MS: `${CLOUD_TIMES.signatureWindowMs}`,
  ECS_POST_TIMEOUT_MS: "4000",
  MAX_CLOCK_OFFSET_MS: "1000",
  SIGNATURE_MAX_AGE_MS: "2000",
  // Window, clock offset and POST time-out together: after that a lost request is dead.
  POST_FENCE_MS: "9000",
  JOB_DEADLINE_MS: "60000",
  SOFT_STOP_MS: "2000",
  STOP_DEADLINE_MS: "20000",
  // Ten jobs looked at three times a second: more than a real cloud would be asked.
  ECS_REQUESTS_PER_SECOND: "100",
  ECS_REQUEST_BURST: "200",
};
