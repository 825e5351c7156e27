import type { ProjectId } from "../contract/ids.ts";
import type { IntakeRules } from "../core/intake/intake-rules.ts";
import type { DiskEvidence } from "../steps/ports/disk-evidence.ts";
import type { JobDurations } from "../steps/ports/job-durations.ts";
import type { Journal } from "../steps/ports/journal.ts";
import type { Outlet } from "../steps/ports/outlet.ts";
import type { StepDeps } from "../steps/step.ts";

/** What taking a delivery leans on, beside what every step does. */
export interface WorkerDeps extends StepDeps {
  readonly outlet: Outlet;
  readonly evidence: DiskEvidence;
  readonly durations: JobDurations;
  readonly journal: Journal;
  readonly region: string;
  /** The projects this worker may act on; the first is the default. */
  readonly projects: readonly ProjectId[];
  /** What is taken for a command, beside its project. */
  readonly intake: Omit<IntakeRules, "projects">;
  /** Ends waits when the worker must stop now. */
  readonly signal: AbortSignal;
}
