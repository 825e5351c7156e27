import type { SlotCensus } from "../core/state/census.ts";
import type { CommandEvidence } from "./evidence.ts";
import type { Found } from "./found.ts";
import type { CommandId, ProjectId, ServerId } from "./ids.ts";
import type { CommandStory, ServerDetail } from "./overview.ts";

/** One thing that the worker needs. `degraded` works, but somebody should look; `untested`: nothing has shown yet that it works. */
export interface DependencyHealth {
  readonly name: string;
  readonly state: "up" | "degraded" | "untested" | "down" | "starting" | "stopping";
  /** Epoch ms of the last change of state. */
  readonly sinceMs: number;
  /** For people; holds no secret. */
  readonly detail: string | null;
  /** A page that says what a person has to do, of what stops only those commands that `detail` is about. */
  readonly page?: string;
}

/** How the process and what it depends on are, for probes. */
export interface HealthSource {
  /** Why nothing but a restart helps, for people; null: there is no such reason. A dependency that is away is none. */
  hangs(): string | null;
  /** Ready means that none of these is known to be away (`mayWork`). Answers from memory. */
  dependencies(): readonly DependencyHealth[];
}

/** Read-only looks into the store, for people. None rejects for what the store does. */
export interface CommandViews {
  /** Looks in every project that the worker may act on: of each where the id occurs, the one that moved last first. */
  commandById(id: CommandId): Promise<Found<readonly CommandStory[]>>;
  /** The same with everything that is kept of each, for a ticket. */
  evidenceById(id: CommandId): Promise<Found<readonly CommandEvidence[]>>;
  /** `absent`: not a project that the worker may act on. A server that nothing holds is found, without a lock. */
  serverStatus(project: ProjectId, server: ServerId): Promise<Found<ServerDetail>>;
}

/** A brake that holds commands now, as far as this worker knows. */
export interface BrakeStatus {
  readonly brake: string;
  readonly projectId: ProjectId;
  /** What of the project it holds (`everything`, `project`, `group:<name>`, `server:<id>`, `configuration`). */
  readonly scope: string;
  readonly by: string | null;
  /** Epoch ms; null where nobody said. */
  readonly sinceMs: number | null;
  readonly reason: string | null;
}

/** A storm that a person lifted for a while: it does not set itself before that. */
export interface KeptOff extends BrakeStatus {
  /** Epoch ms. */
  readonly untilMs: number;
}

/** How many reinstalls of a project are in work, and how many wait for that. */
export interface SlotStatus extends SlotCensus {
  readonly projectId: ProjectId;
}

/** How fast the calls to the cloud of one project may be made now. */
export interface CallStatus {
  readonly projectId: ProjectId;
  /** Calls a second that are allowed: learned of the cloud's quota, or as configured. */
  readonly perSecond: number;
  readonly configuredPerSecond: number;
  readonly isLearned: boolean;
  /** No call before this, epoch ms: the cloud has turned one away; null: nothing holds them. */
  readonly heldUntilMs: number | null;
  /** Of the calls that may go out at once, those that are there, 0 to 1; 0 while nothing may be sent. */
  readonly left: number;
}

/** The brakes that hold something, from the worker's memory. */
export interface BrakesView {
  /** Of each project that was counted; none before the first count. Counted once a minute. */
  slots(): readonly SlotStatus[];
  /** Of each project that was asked for; none before the first time. Asked every 15 s. */
  calls(): readonly CallStatus[];
  holding(): readonly BrakeStatus[];
  /** Brakes that do not set themselves now, because a person said so. */
  keptOff(): readonly KeptOff[];
  /** When the store was last read for them, epoch ms; null: not yet, and what is shown may be old. */
  readAtMs(): number | null;
  /**
   * Reads them now for somebody who looks, at most once a second; answers after a second where the store does not. False:
   * what is known is of `readAtMs`.
   */
  refresh(): Promise<boolean>;
}

/** How things stand around the store, from memory: measured every quarter of a minute. */
export interface Situation {
  /** Messages in the dead queue; null: the broker could not be asked. */
  deadLetters(): number | null;
  /** Commands that no worker has taken yet; null as above. */
  notTaken(): number | null;
  /** What is left of the budget of requests to the cloud, 0 to 1; null: not known yet. */
  budgetLeft(): number | null;
}

/** The metrics in the text format of Prometheus. */
export interface MetricsPage {
  page(): Promise<string>;
  readonly contentType: string;
}
