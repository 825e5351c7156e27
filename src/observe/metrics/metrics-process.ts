import { DEPENDENCIES, type Dependency } from "../../contract/labels.ts";
import { counter, gauge, type InstrumentsOf } from "./instruments.ts";

/** Their names, labels and help. */
export const PROCESS_METRICS = {
  logLinesLost: counter(
    "log_lines_lost_total",
    "Lines of the log that were dropped: nobody read standard output, or its disk is full.",
    {},
  ),
  up: gauge("dependency_up", "1 when the dependency answers.", { dependency: DEPENDENCIES }),
  reconnects: counter("reconnects_total", "Connections that were made again.", {
    dependency: DEPENDENCIES,
  }),
  build: gauge("build_info", "Always 1: what is running.", { version: null, node: null }),
} as const;

/** This process, and what it depends on. */
export interface ProcessMetrics {
  /** A line of the log was lost: nobody read standard output, or its disk is full. */
  logLineLost(): void;
  dependency(name: Dependency, up: boolean): void;
  reconnected(name: Dependency): void;
}

/** Sets and counts them on the instruments. */
export function processMetrics(m: InstrumentsOf<typeof PROCESS_METRICS>): ProcessMetrics {
  return {
    logLineLost: () => m.logLinesLost.inc(),
    dependency: (name, isUp) => m.up.set({ dependency: name }, isUp ? 1 : 0),
    reconnected: (name) => m.reconnects.inc({ dependency: name }),
  };
}
