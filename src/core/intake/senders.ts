import type { Problem } from "../../contract/command.ts";
import type { ProjectId } from "../../contract/ids.ts";

/** What one broker user may ask for (`BRAKES_SENDERS`). */
export interface SenderRule {
  /** Name of the user, as the broker has checked it. */
  readonly user: string;
  /** Absent: every project of the worker. */
  readonly projects?: readonly ProjectId[] | undefined;
  /** Absent: every group, and commands without one. */
  readonly groups?: readonly string[] | undefined;
  /** So many commands of it may start in one project within an hour; absent: as many as it asks for. */
  readonly perHour?: number | undefined;
}

/** What a command asks for, as far as its sender matters. */
interface Wish {
  readonly sender: string | undefined;
  readonly project: ProjectId | undefined;
  readonly group: string | undefined;
}

/** What its sender may not ask for. None, where no senders are named: then everybody may ask for everything. */
export function senderProblems(
  senders: readonly SenderRule[],
  { sender, project, group }: Wish,
  prefix: string,
): Problem[] {
  if (senders.length === 0) return [];
  if (sender === undefined) {
    const message = "is needed: the worker takes commands only of broker users that it knows";
    return [{ path: "user_id", code: "sender-not-allowed", message }];
  }
  const rule = senders.find(({ user }) => user === sender);
  if (rule === undefined) {
    const message = "is a broker user that may not ask for reinstalls";
    return [{ path: "user_id", code: "sender-not-allowed", message }];
  }
  const { projects, groups } = rule;
  const problems: Problem[] = [];
  if (project !== undefined && projects?.includes(project) === false) {
    const message = `the sender may ask only for: ${projects.join(", ")}`;
    problems.push({ path: `${prefix}project_id`, code: "sender-not-allowed", message });
  }
  if (groups !== undefined && (group === undefined || !groups.includes(group))) {
    const message = `the sender may ask only for the groups: ${groups.join(", ")}`;
    problems.push({ path: `${prefix}group`, code: "sender-not-allowed", message });
  }
  return problems;
}

/** How many commands of a sender may start within an hour; 0: as many as it asks for. */
export function perHourOf(senders: readonly SenderRule[] = [], sender: string | undefined): number {
  return senders.find(({ user }) => user === sender)?.perHour ?? 0;
}
