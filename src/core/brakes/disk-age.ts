import type { Problem } from "../../contract/command.ts";
import type { DiskId } from "../../contract/ids.ts";
import type { Candidate } from "../candidate.ts";
import type { Decision } from "../decision.ts";
import type { Moment } from "../moment.ts";
import type { DiskLook, ServerView, Unavailable } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import { beforeOf } from "../towards.ts";
import { askedFor, waitFor } from "../waiting/waiting.ts";

/**
 * What the store knows of a server's earlier reinstalls: something; nothing, in a memory that goes back as far as the
 * brakes look; or nothing, in a younger memory, which may have lost it.
 */
export type ServerHistory = "known" | "none" | "lost";

/** What the age of a system disk says of its server (ECS API notes §11). It does not say whose reinstall it was. */
export type KnownAge =
  /** The server was reinstalled then, epoch ms, by the cloud's clock. `healed`: and it does not look broken now. */
  | {
      readonly kind: "reinstalled";
      readonly diskId: DiskId;
      readonly atMs: number;
      readonly healed: boolean;
    }
  /** It was never reinstalled: the disk is as young as the server. */
  | { readonly kind: "never"; readonly diskId: DiskId };

/** {@link KnownAge}, or why nothing is known. */
export type DiskAge =
  | KnownAge
  /** The answer cannot be true: it is not used. */
  | { readonly kind: "ignored"; readonly detail: string }
  | ({ readonly kind: "unknown" } & Unavailable);

const AGE = "the age of its system disk, which says when it was last reinstalled,";

/** A server and its first disk are created by one request; the disk is finished a little later. */
const CREATION_MS = 5 * 60_000;

/** What a look at the system disk of this server says. `server` is what the look right before it showed. */
export function ageOf(
  look: DiskLook,
  diskId: DiskId,
  server: ServerView,
  serverId: string,
): DiskAge {
  switch (look.kind) {
    case "absent":
      return unknown(`the disk service does not know the system disk ${diskId}`);
    case "refused": {
      const { message, cloudCode } = look.refusal;
      // Not the next step of a reinstall that is refused: other rights are meant, and no new command is needed.
      return {
        ...unknown(`the disk service refuses to say: ${message} ${REFUSED_STEP}`),
        cloudCode,
      };
    }
    case "unreadable":
      return { ...look, kind: "unknown", message: `${AGE} is not known: ${look.message}` };
    case "seen": {
      const { createdAtMs: atMs, attachedTo } = look;
      if (look.inFuture) {
        const when = new Date(atMs).toISOString();
        const detail = `the system disk ${diskId} was created at ${when}, which is in the future: not used`;
        return { kind: "ignored", detail };
      }
      if (attachedTo.length > 0 && !attachedTo.includes(serverId)) {
        return unknown(`the disk service shows the system disk ${diskId} on another server`);
      }
      if (server.createdAtMs !== null && atMs <= server.createdAtMs + CREATION_MS) {
        return { kind: "never", diskId };
      }
      return { kind: "reinstalled", diskId, atMs, healed: server.status !== "ERROR" };
    }
  }
}

const REFUSED_STEP =
  "Give the worker's user evs:volumes:get in this project, or look at EVS_ENDPOINT; who waits for it goes on by itself.";

/** For people: whose age is not known, and why. */
function unknown(why: string): Extract<DiskAge, { kind: "unknown" }> {
  const waitsFor = "cloud-unavailable";
  const message = `${AGE} is not known: ${why}`;
  return { kind: "unknown", waitsFor, cloudCode: null, message, retryAfterMs: null };
}

/** Must a command wait until the age is known? Where it may decide about it, or where the store may have forgotten it. */
export function mustKnowAge(
  { observedAtMs }: Pick<Order, "observedAtMs">,
  history: ServerHistory,
): boolean {
  return observedAtMs !== undefined || history === "lost";
}

/** What a command does whose server's age is not known: null, it goes on, and says so. */
export function withoutAge(
  candidate: Candidate,
  age: Extract<DiskAge, { kind: "unknown" }>,
  history: ServerHistory,
  { server, moment }: { readonly server: ServerView; readonly moment: Moment },
): Decision | null {
  if (!mustKnowAge(candidate.order, history)) return null;
  return waitFor(candidate, age.waitsFor, moment, {
    detail: age.message,
    before: beforeOf(server, moment.nowMs),
    ...askedFor(age),
  });
}

/** Of a warning: nothing is rejected for it. */
const AGE_UNKNOWN = "disk-age-unknown";

/** For the event `accepted`: the brakes that look back know nothing of this server. */
export function ageWarning(message: string): Problem {
  return { path: "server_id", code: AGE_UNKNOWN, message };
}

/** How it stands in the server's history: under a name in the form of a command id, for nobody remembers that command. */
export function diskEntry(age: KnownAge) {
  const by = `system-disk:${age.diskId}`;
  switch (age.kind) {
    case "never":
      // Of no time: it is known that there is nothing to count.
      return { by, entry: { at: 0, reason: "the server was never reinstalled" }, healedAt: null };
    case "reinstalled": {
      const reason = "known by the age of the system disk";
      const entry = { at: age.atMs, ended: age.atMs, reason, outcome: "system-disk-replaced" };
      return { by, entry, healedAt: age.healed ? age.atMs : null };
    }
  }
}
