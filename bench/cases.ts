import { backlog } from "./backlog.ts";
import { blastRadius } from "./blast-radius.ts";
import type { BenchCase } from "./case.ts";
import { cpu } from "./cpu.ts";
import { inFlight } from "./in-flight.ts";
import { latency } from "./latency.ts";
import { quota } from "./quota.ts";
import { refresh } from "./refresh.ts";
import { polls } from "./polls.ts";
import { start } from "./start.ts";
import { takeover } from "./takeover.ts";

/** In the order in which they are run. */
export const CASES: readonly BenchCase[] = [
  start,
  cpu,
  latency,
  takeover,
  inFlight,
  quota,
  backlog,
  blastRadius,
  refresh,
  polls,
];
