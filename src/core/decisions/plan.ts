import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { markHold } from "../brakes/cloud-mark.ts";
import { type DiskAge, mustKnowAge, type ServerHistory } from "../brakes/disk-age.ts";
import { type BrakeVerdict, describeVerdict, type Hold } from "../brakes/hold.ts";
import { notBeforeSays } from "../brakes/not-before.ts";
import type { Candidate } from "../candidate.ts";
import { type Decision, final } from "../decision.ts";
import { imageObjection } from "../server/image-fitness.ts";
import type { Moment } from "../moment.ts";
import type { ImageLook, Look, ServerView } from "../server/observations.ts";
import type { Order } from "../state/order.ts";
import type { Rules } from "../rules.ts";
import { describe, userDataObjection } from "../server/server-fitness.ts";
import { byState } from "./decide-admission.ts";

interface Check {
  readonly check: string;
  readonly verdict: "pass" | "fail" | "wait" | "unknown";
  readonly detail?: string;
}

/** What the store said to a dry run, which takes nothing. */
export interface StoreSeen {
  readonly lock: LockSeen;
  /** Of each brake. */
  readonly verdicts: readonly BrakeVerdict[];
}

/**
 * What the lock said.
 *
 * @internal
 */
export type LockSeen =
  | { readonly kind: "acquired" }
  /** `sameWish`: the holder is a command with the same content. */
  | { readonly kind: "busy"; readonly holder: string; readonly sameWish?: boolean }
  | { readonly kind: "superseded"; readonly healedAtMs: number }
  | { readonly kind: "held"; readonly hold: Hold }
  | { readonly kind: "rebuilding" };

/** What the cloud showed to a dry run. */
interface CloudSeen {
  readonly look: Look;
  /** Null: nobody could be asked for it, or the server does not say which image it has. */
  readonly image: ImageLook | null;
  /** The age of the system disk; null: nobody need be asked for it, or could be. */
  readonly disk?: { readonly age: DiskAge; readonly history: ServerHistory } | null;
}

/** `planned`: every check of a dry run with its verdict, and what would be done. Nothing was changed (contract §2). */
export function plannedFrom(
  candidate: Candidate,
  { lock, verdicts }: StoreSeen,
  { look, image, disk = null }: CloudSeen,
  moment: Moment,
): Decision {
  const { nowMs, rules } = moment;
  const { order } = candidate;
  const notExpired = nowMs < order.expiresAtMs;
  const outlook = byState(candidate, look, moment);
  const leader = leaderOf(order, lock);
  const checks: Check[] = [
    { check: "command", verdict: "pass" },
    {
      check: "not-expired",
      verdict: notExpired ? "pass" : "fail",
      detail: new Date(order.expiresAtMs).toISOString(),
    },
    notBeforeCheck(order, nowMs),
    ...withMark(verdicts, look, rules).map((said) => brakeCheck(said, order, leader)),
    lockCheck(lock, leader),
    {
      check: "not-superseded",
      verdict: lock.kind === "superseded" ? "fail" : "pass",
      ...(lock.kind === "superseded"
        ? { detail: `healed at ${new Date(lock.healedAtMs).toISOString()}` }
        : {}),
    },
    serverCheck(look),
    ...(look.kind === "seen" ? userDataCheck(look.server, candidate.body, rules) : []),
    stateCheck(outlook),
    ...(image === null ? [] : [imageCheck(image)]),
    ...(disk === null ? [] : [diskAgeCheck(order, disk)]),
  ];
  // An image or an age that cannot be read stops nothing; anything else that is not known does.
  const passed = checks.every(
    ({ check, verdict }) =>
      verdict === "pass" || (verdict === "unknown" && (check === "image" || check === "disk-age")),
  );
  return final({
    event: "planned",
    data: {
      checks,
      would: passed && outlook.kind === "next" ? planOf(outlook.state.phase) : "nothing-now",
      system_disk: look.kind === "seen" ? look.server.systemDiskId : null,
    },
  });
}

/** The store has counted it already, where it is known: cooldown and quarantine say what follows from it. */
function diskAgeCheck(
  order: Pick<Order, "observedAtMs">,
  { age, history }: NonNullable<CloudSeen["disk"]>,
): Check {
  const check = "disk-age";
  switch (age.kind) {
    case "reinstalled":
      return { check, verdict: "pass", detail: new Date(age.atMs).toISOString() };
    case "never":
      return { check, verdict: "pass", detail: "as young as the server" };
    case "ignored":
      return { check, verdict: "unknown", detail: age.detail };
    case "unknown": {
      const verdict = mustKnowAge(order, history) ? "wait" : "unknown";
      return { check, verdict, detail: age.message };
    }
  }
}

function notBeforeCheck(order: Pick<Order, "notBeforeMs">, nowMs: number): Check {
  const { brake, verdict } = notBeforeSays(order, nowMs);
  const { notBeforeMs } = order;
  const detail = notBeforeMs === undefined ? {} : { detail: new Date(notBeforeMs).toISOString() };
  return { check: brake, verdict: SAID[verdict], ...detail };
}

/** The script that answered for all brakes has not seen the server: its mark is put in. */
function withMark(
  verdicts: readonly BrakeVerdict[],
  look: Look,
  rules: Rules,
): readonly BrakeVerdict[] {
  const hold = look.kind === "seen" ? markHold(look.server, rules) : null;
  if (hold === null) return verdicts;
  return [
    ...verdicts.filter(({ brake, verdict }) => brake !== hold.brake || verdict !== "go"),
    hold,
  ];
}

const SAID = { go: "pass", wait: "wait", no: "fail" } as const;

/** The command whose reinstall this one would share; null: none. */
function leaderOf({ onBusy }: Pick<Order, "onBusy">, lock: LockSeen): string | null {
  return lock.kind === "busy" && lock.sameWish === true && onBusy === "join" ? lock.holder : null;
}

function brakeCheck(
  said: BrakeVerdict,
  { projectId }: Pick<Order, "projectId">,
  leader: string | null,
): Check {
  // It counts reinstalls, and sharing one is none. Who may never start for another reason gets no leader as its answer.
  if (said.brake === "quarantine" && said.verdict === "no" && leader !== null) {
    return { check: said.brake, verdict: "pass", detail: `it would share the one of ${leader}` };
  }
  const detail = describeVerdict(said, projectId);
  return {
    check: said.brake,
    verdict: SAID[said.verdict],
    ...(detail === null ? {} : { detail }),
  };
}

function lockCheck(lock: LockSeen, leader: string | null): Check {
  switch (lock.kind) {
    case "acquired":
    case "superseded":
      return { check: "server-free", verdict: "pass" };
    case "busy":
      return {
        check: "server-free",
        verdict: "wait",
        detail:
          leader === null ? `held by ${lock.holder}` : `held by ${leader}, which it would join`,
      };
    case "held":
      return { check: "server-free", verdict: "pass" };
    case "rebuilding":
      return { check: "server-free", verdict: "wait", detail: "the store is being rebuilt" };
  }
}

function serverCheck(look: Look): Check {
  switch (look.kind) {
    case "seen":
      return { check: "server-exists", verdict: "pass", detail: describe(look.server) };
    case "absent":
    case "refused":
      return { check: "server-exists", verdict: "fail", detail: look.refusal.message };
    case "unreadable":
      return { check: "server-exists", verdict: "unknown", detail: look.message };
  }
}

function userDataCheck(server: ServerView, body: OsReinstall, rules: Rules): Check[] {
  if (body.metadata?.user_data === undefined) return [];
  const objection = userDataObjection(server, body);
  if (objection === null) return [{ check: "user-data", verdict: "pass" }];
  const verdict = rules.userDataCheck === "strict" ? "fail" : "pass";
  return [{ check: "user-data", verdict, detail: objection.message }];
}

function stateCheck(outlook: Decision): Check {
  if (outlook.kind === "next") {
    const waits = outlook.state.phase === "waiting";
    return {
      check: "server-state",
      verdict: waits ? "wait" : "pass",
      ...(waits ? { detail: outlook.state.waitsFor } : {}),
    };
  }
  const { message, why } = outlook.draft.data;
  return {
    check: "server-state",
    verdict: "fail",
    detail: [message, why].find((said) => typeof said === "string") ?? outlook.draft.event,
  };
}

function imageCheck(image: ImageLook): Check {
  if (image.kind === "unreadable") {
    return { check: "image", verdict: "unknown", detail: image.message };
  }
  const objection = imageObjection(image);
  if (objection === null) return { check: "image", verdict: "pass" };
  return { check: "image", verdict: "fail", detail: String(objection.data["message"]) };
}

function planOf(phase: string): string {
  return phase === "prepare" ? "stop-then-reinstall" : "reinstall";
}
