import type { Problem } from "../../contract/command.ts";
import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { type FinalDraft, failed, rejected } from "../messages/events.ts";
import type { Condition, ServerView } from "./observations.ts";
import type { Rules } from "../rules.ts";
import { USER_DATA_PATH, userDataProblemOn } from "../intake/user-data.ts";

/** May this server be reinstalled as it stands? */
export type Fitness =
  /** Stopped and idle, or its last reinstall failed. */
  | { readonly kind: "ready" }
  /** It runs: it must be stopped first. */
  | { readonly kind: "running" }
  /** Something goes on that will end. */
  | { readonly kind: "unstable"; readonly detail: string }
  /** Not without a person. */
  | { readonly kind: "unfit"; readonly draft: FinalDraft };

/** Statuses that pass by themselves (ECS API notes §3.3). */
const PASSING = new Set([
  "BUILD",
  "REBOOT",
  "HARD_REBOOT",
  "MIGRATING",
  "REBUILD",
  "RESIZE",
  "REVERT_RESIZE",
  "UNKNOWN",
]);

/** Statuses that stay as they are while nothing is done (ECS API notes §3.3). */
const RESTING = new Set([
  "ACTIVE",
  "SHUTOFF",
  "ERROR",
  "PAUSED",
  "SUSPENDED",
  "SHELVED",
  "SHELVED_OFFLOADED",
  "VERIFY_RESIZE",
  "SOFT_DELETED",
  "DELETED",
]);

/** Judges by everything the cloud shows, not by `status` alone: `ACTIVE` may be powering off (§3.3). */
export function fitnessOf(server: ServerView, body: OsReinstall, rules: Rules): Fitness {
  if (server.locked) {
    return unfit(
      "server-locked",
      "Ecs.0605",
      "the server is locked",
      "Unlock the server, then send a new command.",
    );
  }
  if (server.frozen) {
    return unfit(
      "frozen",
      "Ecs.0030",
      "the server is frozen",
      "Clear the account's or server's freeze, then send a new command.",
    );
  }
  if (server.taskState !== null || PASSING.has(server.status))
    return { kind: "unstable", detail: describe(server) };
  if (server.systemDiskId === null) {
    return unfit(
      "no-system-disk",
      "Ecs.0105",
      "the server has no system disk",
      "Attach a system disk, or replace the server; a reinstall needs one.",
    );
  }
  const objection = userDataObjection(server, body);
  if (objection !== null && rules.userDataCheck === "strict") {
    return { kind: "unfit", draft: rejected([objection]) };
  }
  switch (server.status) {
    case "SHUTOFF":
    case "ERROR":
      return { kind: "ready" };
    case "ACTIVE":
      return rules.stopRunning === "always" || body.mode === "withStopServer"
        ? { kind: "running" }
        : {
            kind: "unfit",
            draft: rejected([
              {
                path: "os-reinstall.mode",
                code: "server-running",
                message: 'the server runs: "withStopServer" is needed to stop it',
              },
            ]),
          };
    default:
      return unfit(
        "wrong-state",
        null,
        `the server is ${server.status}`,
        "Bring the server to ACTIVE or SHUTOFF, then send a new command.",
      );
  }
}

/** Why the system that this server runs would ignore the command's `user_data`; null: it would not. */
export function userDataObjection(server: ServerView | null, body: OsReinstall): Problem | null {
  const problem = userDataProblemOn(body.metadata?.user_data, server?.osType ?? null);
  return problem === null ? null : { path: USER_DATA_PATH, ...problem };
}

/**
 * Nothing runs on it as far as the cloud shows. A status that nobody has described proves nothing: the console knows a
 * "Reinstalling" that the API's list has not (ECS API notes §3.5), and "idle with the same disk" would be sent again.
 */
export function isIdle(server: Condition): boolean {
  return server.taskState === null && RESTING.has(server.status);
}

/** The server's state in one phrase, for people. */
export function describe(server: ServerView): string {
  return server.taskState === null ? server.status : `${server.status} (${server.taskState})`;
}

function unfit(
  failureClass: string,
  cloudCode: string | null,
  message: string,
  nextStep: string,
): Fitness {
  return {
    kind: "unfit",
    draft: failed({ class: failureClass, cloudCode, message, retryable: false, nextStep }),
  };
}
