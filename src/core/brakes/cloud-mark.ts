import type { Candidate } from "../candidate.ts";
import type { Decision } from "../decision.ts";
import type { Moment } from "../moment.ts";
import type { ServerView } from "../server/observations.ts";
import type { Rules } from "../rules.ts";
import type { Before } from "../state/state.ts";
import { heldBy } from "./gate.ts";
import type { Hold } from "./hold.ts";

/**
 * What the server's own mark in the cloud says, as a brake's answer: only a look shows it. Null: it holds nothing. A
 * mark that cannot be read counts as `never`.
 */
export function markHold(
  { mark, unreadMark }: Pick<ServerView, "mark" | "unreadMark">,
  { allow }: Pick<Rules, "allow">,
): Extract<Hold, { brake: "protected" }> | null {
  if (unreadMark !== null) {
    return held(`ecs-reinstall cannot be read and counts as never: ${unreadMark || "it is empty"}`);
  }
  if (mark === "never") return held("ecs-reinstall = never");
  if (mark === "allowed" || allow === "any") return null;
  return held("there is none, and BRAKES_ALLOW=marked needs ecs-reinstall = allowed");
}

function held(reason: string): Extract<Hold, { brake: "protected" }> {
  return { brake: "protected", verdict: "no", scope: "cloud mark", reason };
}

/** What becomes of a command whose server was looked at, by the server's mark. Null: it goes on. */
export function heldByMark(
  candidate: Candidate,
  server: ServerView,
  moment: Moment,
  before?: Before,
): Decision | null {
  const hold = markHold(server, moment.rules);
  return hold === null ? null : heldBy(candidate, hold, moment, before);
}
