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
} from "../../core/observations.ts";

/** A request that is signed and can be sent once. */
export interface SignedReinstall {
  /** What the signature says, epoch ms; null when the authentication has no expiry (token mode). */
  readonly signedAtMs: number | null;
  /** Sends it; a second call throws. Never retried, never redirected; takes at most the POST timeout. */
  send(signal: AbortSignal): Promise<Submission>;
}

export type Signing =
  | { readonly kind: "signed"; readonly request: SignedReinstall }
  | ({ readonly kind: "unavailable" } & Unavailable);

/** The ECS API, as far as a reinstall needs it. No method rejects for what the cloud or network does; none retries a POST. */
export interface CloudApi {
  /** May be repeated freely. */
  look(project: ProjectId, server: ServerId, signal: AbortSignal): Promise<Look>;
  /** May be repeated freely. `foreign` when the job names a server other than `server`. */
  job(project: ProjectId, server: ServerId, job: JobId, signal: AbortSignal): Promise<JobLook>;
  /** May be repeated: stopping what is stopped changes nothing. */
  stop(
    project: ProjectId,
    server: ServerId,
    type: "SOFT" | "HARD",
    signal: AbortSignal,
  ): Promise<StopOutcome>;
  /**
   * May be repeated: starting what runs changes nothing; it is refused with `wrong-state`, or accepted. `accepted` only
   * means that it began: follow the job, then look.
   */
  start(project: ProjectId, server: ServerId, signal: AbortSignal): Promise<StartOutcome>;
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
