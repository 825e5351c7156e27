import type { CallClass } from "../../core/calls/call-bucket.ts";
import type { DiskId, JobId, ProjectId, ServerId } from "../../contract/ids.ts";
import type { OsReinstall } from "../../contract/os-reinstall.ts";
import type {
  DiskLook,
  ImageLook,
  JobLook,
  ListLook,
  Look,
  StartOutcome,
  StopOutcome,
  Submission,
  Unavailable,
} from "../../core/server/observations.ts";

/** A request that is signed and can be sent once. */
export interface SignedReinstall {
  /** What the signature says, epoch ms; null when the authentication has no expiry (token mode). */
  readonly signedAtMs: number | null;
  /** Sends it; a second call throws. Never retried, never redirected; takes at most the POST timeout. */
  send(signal: AbortSignal): Promise<Submission>;
}

/** What is asked of the request budget: calls that a step makes together, taken before the first of them. */
export interface CallsWished {
  /** Who goes first; 1 and 2 wait within the step, for 10 s at most. */
  readonly class: CallClass;
  readonly calls: number;
  /** They are taken already (by the script that gave the slot), and may be made after so many ms. */
  readonly takenInMs?: number | undefined;
}

export type Reserving =
  | {
      readonly kind: "reserved";
      /** The same, but its calls are those that were taken, as long as one is left. They are spent, made or not. */
      readonly cloud: CloudApi;
      /** Until the next of them may be made; a call waits for that by itself, too. */
      ready(signal: AbortSignal): Promise<void>;
    }
  | ({ readonly kind: "unavailable" } & Unavailable);

export type Signing =
  | { readonly kind: "signed"; readonly request: SignedReinstall }
  | ({ readonly kind: "unavailable" } & Unavailable);

/** How long a call that turns a server off or on may still be sent. */
export interface PowerCall {
  readonly signal: AbortSignal;
  /** Has the last word right before the first byte. `false`: nothing is sent, and the answer is `unreadable`. */
  readonly mayBegin: () => boolean;
}

/** The ECS API, as far as a reinstall needs it. No method rejects for what the cloud or network does; none retries a POST. */
export interface CloudApi {
  /**
   * Takes calls of one project together, and waits until the first may be made. Absent: nobody counts calls. A call that none
   * was reserved for takes one itself: a poll of a job in class 3; an image, a disk or a list in class 4; others in class 2.
   */
  reserve?(project: ProjectId, wished: CallsWished, signal: AbortSignal): Promise<Reserving>;
  /** May be repeated freely. */
  look(project: ProjectId, server: ServerId, signal: AbortSignal): Promise<Look>;
  /** May be repeated freely. `foreign` when the job names a server other than `server`. */
  job(project: ProjectId, server: ServerId, job: JobId, signal: AbortSignal): Promise<JobLook>;
  /** May be repeated: stopping what is stopped changes nothing. */
  stop(
    project: ProjectId,
    server: ServerId,
    type: "SOFT" | "HARD",
    call: PowerCall,
  ): Promise<StopOutcome>;
  /**
   * May be repeated: starting what runs changes nothing; it is refused with `wrong-state`, or accepted. `accepted` only
   * means that it began: follow the job, then look.
   */
  start(project: ProjectId, server: ServerId, call: PowerCall): Promise<StartOutcome>;
  /** Signs the request now, once. Takes the request budget for it. Sends nothing of it. */
  sign(
    project: ProjectId,
    server: ServerId,
    body: OsReinstall,
    signal: AbortSignal,
  ): Promise<Signing>;
  /** May be repeated freely. Absent: no image service is configured. */
  image?(project: ProjectId, imageId: string, signal: AbortSignal): Promise<ImageLook>;
  /** How old a disk is. May be repeated freely. Absent: no disk service is configured. */
  disk?(project: ProjectId, volume: DiskId, signal: AbortSignal): Promise<DiskLook>;
  /**
   * One page of the project's servers: `page` counts from 1, `limit` is 1 to 1 000. One request, whatever the page holds.
   * May be repeated freely. What it shows may be older than a look: never the ground for a POST.
   */
  list?(
    project: ProjectId,
    page: { readonly page: number; readonly limit: number },
    signal: AbortSignal,
  ): Promise<ListLook>;
}
