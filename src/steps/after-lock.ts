import type { Candidate } from "../core/candidate.ts";
import type { Decision } from "../core/decision.ts";
import { final } from "../core/decision.ts";
import { afterAdmissionLook, afterBusy } from "../core/decisions/decide-admission.ts";
import {
  ageOf,
  ageWarning,
  type DiskAge,
  type ServerHistory,
  withoutAge,
} from "../core/brakes/disk-age.ts";
import { expired, superseded } from "../core/endings.ts";
import { heldBy } from "../core/brakes/gate.ts";
import { imageObjection } from "../core/server/image-fitness.ts";
import type { ImageLook, Look, ServerView } from "../core/server/observations.ts";
import type { Order } from "../core/state/order.ts";
import { waitFor } from "../core/waiting/waiting.ts";
import { momentsOf } from "./moment.ts";
import type { LockAnswer } from "./ports/admission.ts";
import type { Clock } from "./ports/clock.ts";
import type { CallsWished, CloudApi } from "./ports/cloud-api.ts";
import type { ReinstallStore } from "./ports/reinstall-store.ts";
import type { StepClaim } from "./ports/step-claim.ts";
import { type StepDeps, withCalls } from "./step.ts";

/** A command that has asked for its server's lock, and what it was answered. */
export interface Asked {
  readonly candidate: Candidate;
  readonly claim: StepClaim;
  readonly lock: LockAnswer;
}

type NoteAnswer = Awaited<ReturnType<ReinstallStore["noteDisk"]>>;
type Noted = Extract<NoteAnswer, { kind: "noted" }>;

/** The store was asked once more, and could not or may not say. */
export interface Trouble {
  readonly kind: "trouble";
  readonly answer: Exclude<NoteAnswer, Noted>;
}

/** The server's lock has answered: look, line up, or end. For new commands and for waiting ones. */
export async function afterLock(
  deps: StepDeps,
  asked: Asked,
  signal: AbortSignal,
): Promise<Decision | Trouble> {
  const { cloud, clock, reach } = deps;
  const moment = momentsOf(deps);
  const { candidate, lock } = asked;
  const { order } = candidate;
  switch (lock.kind) {
    case "superseded":
      return final(
        superseded("healed-since", { healed_at: new Date(lock.healedAtMs).toISOString() }),
      );
    case "busy":
      return afterBusy(candidate, lock, moment());
    case "held":
      // No brake has held what was too late already when it arrived.
      if (candidate.waiting === null && candidate.mayHaveRun !== true && isLate(order, clock)) {
        return expired(order);
      }
      return heldBy(candidate, lock.hold, moment());
    case "rebuilding":
      return waitFor(candidate, "store-rebuilding", moment());
    case "acquired": {
      if (isLate(order, clock)) return expired(order, candidate.waiting);
      const look = await firstLook(cloud, order, { takenInMs: lock.callInMs }, signal);
      await reach("admit:looked");
      const decision = afterAdmissionLook(candidate, look, moment());
      if (decision.kind === "final" || decision.state.phase === "waiting") return decision;
      const disk = await lookAtDisk(deps, asked, look, signal);
      if (disk?.kind === "trouble") return disk;
      // Known now, it may hold the command, or end it: nothing more is asked then.
      if (disk?.said !== undefined && disk.said.lock.kind !== "acquired") {
        return await afterLock(deps, { ...asked, lock: disk.said.lock }, signal);
      }
      const aged = disk === null ? decision : withAge(decision, asked, disk, moment());
      if (aged.kind === "final" || aged.state.phase === "waiting") return aged;
      const image = await lookAtImage(cloud, order, look, signal);
      const objection = image === null ? null : imageObjection(image);
      return objection === null ? aged : final(objection);
    }
  }
}

function isLate({ expiresAtMs }: Order, clock: Clock): boolean {
  return clock.nowMs() >= expiresAtMs;
}

/** How the command goes on by what its disk's age is, once no brake holds it for that. */
function withAge(
  decision: Extract<Decision, { kind: "next" }>,
  { candidate }: Asked,
  { age, history, server }: SeenDisk,
  moment: ReturnType<ReturnType<typeof momentsOf>>,
): Decision {
  switch (age.kind) {
    case "reinstalled":
    case "never":
      return decision;
    case "ignored":
      return warned(decision, age.detail);
    case "unknown":
      return (
        withoutAge(candidate, age, history, { server, moment }) ?? warned(decision, age.message)
      );
  }
}

function warned(decision: Extract<Decision, { kind: "next" }>, message: string): Decision {
  return { ...decision, warnings: [...(decision.warnings ?? []), ageWarning(message)] };
}

/** What was found out of a system disk. */
export interface SeenDisk {
  readonly kind: "seen";
  readonly age: DiskAge;
  readonly history: ServerHistory;
  readonly server: ServerView;
  /** What the store said once it knew the age. */
  readonly said?: Noted;
}

/**
 * The age of the system disk, for a server that the store has no history of; what it says is kept there, and the store is
 * asked once more. Null: nobody need be asked, or can be.
 */
export async function lookAtDisk(
  { cloud, store, reach }: StepDeps,
  { candidate, claim, lock }: Asked,
  look: Look,
  signal: AbortSignal,
): Promise<SeenDisk | Trouble | null> {
  const { order } = candidate;
  if (cloud.disk === undefined || lock.kind !== "acquired" || lock.history === "known") return null;
  if (look.kind !== "seen" || look.server.systemDiskId === null) return null;
  const { server } = look;
  const diskId = look.server.systemDiskId;
  const seen = await cloud.disk(order.projectId, diskId, signal);
  await reach("admit:disk-looked");
  const age = ageOf(seen, diskId, server, order.serverId);
  const { history } = lock;
  if (age.kind !== "reinstalled" && age.kind !== "never") {
    return { kind: "seen", age, history, server };
  }
  const answer = await store.noteDisk(order, claim, age);
  if (answer.kind !== "noted") return { kind: "trouble", answer };
  return { kind: "seen", age, history, server, said: answer };
}

/** Of the last class: whoever is further goes first. */
export async function firstLook(
  cloud: CloudApi,
  { projectId, serverId }: Order,
  taken: Pick<CallsWished, "takenInMs">,
  signal: AbortSignal,
): Promise<Look> {
  const reserved = await withCalls(cloud, projectId, { class: 4, calls: 1, ...taken }, signal);
  if (reserved.kind === "unavailable") return { ...reserved, kind: "unreadable" };
  return await reserved.cloud.look(projectId, serverId, signal);
}

/** Null: nobody can be asked, or the server does not say which image it has. */
export async function lookAtImage(
  cloud: CloudApi,
  order: Order,
  look: Look,
  signal: AbortSignal,
): Promise<ImageLook | null> {
  if (cloud.image === undefined || look.kind !== "seen" || look.server.imageId === null)
    return null;
  return await cloud.image(order.projectId, look.server.imageId, signal);
}
