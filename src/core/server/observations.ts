import type { WaitReason } from "../../contract/event.ts";
import type { DiskId, JobId, ServerId } from "../../contract/ids.ts";
import type { OsType } from "../intake/user-data.ts";

/** Whether something runs on a server, and which system disk it has. `null` where the cloud said nothing. */
export interface Condition {
  readonly status: string;
  readonly taskState: string | null;
  /** The volume with `bootIndex` "0"; null: no system disk is attached now. */
  readonly systemDiskId: DiskId | null;
}

/** What a look at a server showed. `null` where the cloud said nothing. */
export interface ServerView extends Condition {
  readonly vmState: string | null;
  readonly volumeType: string | null;
  readonly locked: boolean;
  readonly frozen: boolean;
  readonly name: string | null;
  readonly imageId: string | null;
  readonly osType: OsType | null;
  readonly faultMessage: string | null;
  /**
   * What its owner marked it with: the tag `ecs-reinstall`, or else the metadata key of that name. Null: no mark, or one
   * that says neither; then `unreadMark` says what it is.
   */
  readonly mark: "never" | "allowed" | null;
  /** The mark that was not understood, cut; or that the tags cannot be read. */
  readonly unreadMark: string | null;
  /** The server's own address in its network, of version 4 where it has one. */
  readonly address: string | null;
  /** When the server was created, epoch ms. */
  readonly createdAtMs: number | null;
  /** The cloud's own clock at that answer (its `Date` header), epoch ms; null when absent. */
  readonly cloudTimeMs: number | null;
}

/** Why a cloud call gave no usable answer, for people and for the wait that follows. */
export interface Unavailable {
  readonly waitsFor: Extract<WaitReason, "throttled" | "cloud-unavailable" | "clock-skew">;
  readonly cloudCode: string | null;
  readonly message: string;
  /** How long the cloud asked us to stay away, kept in full; null: it did not say. */
  readonly retryAfterMs: number | null;
  /** No request was sent: our credentials or our clock are not right, and may be put right at any moment. */
  readonly heldBack?: true;
  /** No request was sent: the rate of calls allows none just now. It says nothing of server or job. */
  readonly unasked?: true;
}

/** Can the request of a call that gave nothing have reached the cloud? */
export function wasSent({ heldBack, unasked }: Unavailable): boolean {
  return heldBack !== true && unasked !== true;
}

/** A sure "no" of the cloud, classified by the error table. */
export interface Refusal {
  /** Closed set of the error table, e.g. `not-found`, `permission`, `quota`, `server-locked`. */
  readonly class: string;
  readonly cloudCode: string;
  readonly httpStatus: number;
  readonly message: string;
  /** What a person should do next. */
  readonly nextStep: string;
  readonly retryable: boolean;
}

export type Look =
  | { readonly kind: "seen"; readonly server: ServerView }
  | { readonly kind: "absent"; readonly refusal: Refusal }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | ({ readonly kind: "unreadable" } & Unavailable);

/** The result of one ask of a server itself. */
export type ReadyAnswer =
  | { readonly kind: "answered" }
  | {
      readonly kind: "silent";
      /** Why that is no answer, for people. */
      readonly detail: string;
    }
  /** We stopped asking before there was an answer. */
  | { readonly kind: "unasked" };

/** One page of a project's servers. */
export type ListLook =
  | {
      readonly kind: "seen";
      /** Those that can be judged. One that is missing may be on another page, gone, or unreadable: look at it alone. */
      readonly servers: ReadonlyMap<ServerId, Condition>;
      /** How many this page holds, those that cannot be judged included; fewer than asked for: the last page. */
      readonly listed: number;
      /** How many there are on all pages, as the cloud says. */
      readonly total: number;
    }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | ({ readonly kind: "unreadable" } & Unavailable);

/** What the disk service says of a disk (ECS API notes §11). */
export type DiskLook =
  | {
      readonly kind: "seen";
      /** When it was created, epoch ms: for a system disk the server's last reinstall, or its creation. */
      readonly createdAtMs: number;
      /** More than 60 s after the cloud's clock (ours, where the answer does not show it): not to be believed. */
      readonly inFuture: boolean;
      /** The cloud's word, e.g. `in-use`. */
      readonly status: string | null;
      /** Ids of the servers that it is attached to, in lower case. */
      readonly attachedTo: readonly string[];
      /** The cloud's own clock at that answer, epoch ms; null when absent. */
      readonly cloudTimeMs: number | null;
    }
  /** No such disk, or none of this project. */
  | { readonly kind: "absent" }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | ({ readonly kind: "unreadable" } & Unavailable);

export type JobLook =
  | {
      readonly kind: "running";
      /** The cloud's word, e.g. `INIT`, `RUNNING`, or one we do not know. */
      readonly jobStatus: string;
      readonly subJobs: { readonly total: number; readonly done: number } | null;
    }
  | { readonly kind: "succeeded"; readonly endedAtMs: number | null }
  | {
      readonly kind: "failed";
      readonly cloudCode: string;
      readonly message: string;
      /** By its code it failed by what the command asks for: a key pair, a quota. */
      readonly emittersFault?: boolean;
    }
  /** The cloud does not know this id (expired, or not yet visible). */
  | { readonly kind: "missing"; readonly cloudCode: string }
  /**
   * The job is about another server: it says so itself, or its sub-jobs so far name others only. A temporary server does
   * part of the work and may be listed first (ECS API notes §2.5): sub-jobs prove it only when they keep saying so.
   */
  | { readonly kind: "foreign"; readonly serverId: string; readonly by: "job" | "sub-jobs" }
  | ({ readonly kind: "unreadable" } & Unavailable);

export type StopOutcome =
  | { readonly kind: "accepted"; readonly jobId: JobId | null }
  | {
      readonly kind: "refused";
      readonly refusal: Refusal;
      /** How long the cloud asked us to stay away, kept in full; null, absent: it did not say. */
      readonly retryAfterMs?: number | null;
    }
  /** May or may not have been done: stopping twice is harmless, look again. */
  | ({ readonly kind: "unreadable" } & Unavailable);

/** May or may not have been done when `unreadable`: starting twice is harmless, look again. */
export type StartOutcome = StopOutcome;

/** What the cloud said when it took a request. */
export interface Acceptance {
  readonly jobId: JobId;
  /** What it calls the request itself, for its support; absent: it did not say. */
  readonly requestId?: string | undefined;
}

/** What became of one POST, by what may be done next (design §4.7). */
export type Submission =
  | ({ readonly kind: "accepted" } & Acceptance)
  /** Proven rejected, for good. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Proven rejected, for now. */
  | {
      readonly kind: "later";
      readonly waitsFor: Extract<
        WaitReason,
        "server-unstable" | "throttled" | "cloud-unavailable" | "clock-skew"
      >;
      readonly refusal: Refusal;
      readonly retryAfterMs: number | null;
    }
  /** Not one byte of the request was written. */
  | ({ readonly kind: "not-sent" } & Unavailable)
  | { readonly kind: "unknown"; readonly message: string };

/** What the image service says of the image that a reinstall will need again (ECS API notes §3.6). */
export type ImageLook =
  | {
      readonly kind: "seen";
      /** Only an active image can be used. */
      readonly active: boolean;
      readonly status: string;
      /** `unsupported`: keys, passwords and `user_data` will not be injected. */
      readonly injection: "supported" | "unsupported";
    }
  | { readonly kind: "gone" }
  | ({ readonly kind: "unreadable" } & Unavailable);

/** What the evidence of earlier reinstalls says about "a reinstall replaces the system disk" (design §5). */
export type Trust = "trusted" | "untested" | "contradicted";
