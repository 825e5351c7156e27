import type { AuthBreaker } from "./credentials/auth-breaker.ts";
import type { ProjectAuth } from "./credentials/project-auth.ts";
import type { LoneProject } from "./credentials/refused-projects.ts";
import type { EndpointBreaker } from "./breaker.ts";
import { clockSkewText } from "./clock-guard.ts";
import type { CloudClock } from "./cloud-clock.ts";
import { withReason } from "./with-reason.ts";

/** `untested`: nothing has shown yet that it works, nor that it does not. */
export interface Standing {
  readonly name: "ecs" | "iam" | "ims" | "evs" | "credentials" | "clock";
  readonly state: "up" | "untested" | "down";
  /** For people; null while it is up, but for a project that is refused alone. Holds no secret. */
  readonly cause: string | null;
  /** Of credentials: projects that are refused while others are taken. */
  readonly alone?: readonly LoneProject[];
}

export function endpointStanding(
  name: "ecs" | "iam" | "ims" | "evs",
  breaker: EndpointBreaker,
): Standing {
  const { lived, why } = breaker.seen();
  // Half open it is what it was: that its pause is over shows nothing.
  const state = breaker.state() !== "closed" ? "down" : lived ? "up" : "untested";
  const down =
    why?.startsWith("HTTP ") === true
      ? "the API only answers with errors"
      : "the API does not answer";
  const causes = { up: null, down, untested: "no answer yet" } as const;
  const cause = causes[state];
  return { name, state, cause: cause === null ? null : withReason(cause, why) };
}

/** Of both breakers: that of the API, and the log-in's; null: no tokens are used. */
export function credentialsStanding(auth: ProjectAuth, login: AuthBreaker | null): Standing {
  const name = "credentials";
  const breakers = login === null ? [auth] : [login, auth];
  const refused = breakers.find((one) => one.seen().why !== null || one.state() === "open");
  if (refused !== undefined) {
    // A project that has a token goes on until it dies.
    const what = refused === auth ? "nothing is sent" : "no new token is asked for";
    const stopped = refused.state() === "open" ? `; ${what}` : "";
    const cause = withReason(`the cloud refuses our credentials${stopped}`, refused.seen().why);
    return { name, state: "down", cause };
  }
  return breakers.every((one) => one.seen().proven)
    ? { name, state: "up", cause: aloneCause(auth.alone()), alone: auth.alone() }
    : { name, state: "untested", cause: "not accepted yet" };
}

function aloneCause(alone: readonly LoneProject[]): string | null {
  const causes = alone.map(({ project, why }) => withReason(`project ${project}`, why));
  return causes.length === 0 ? null : `but the cloud refuses them for ${causes.join(", ")}`;
}

export function clockStanding(cloudClock: CloudClock): Standing {
  const offsetMs = cloudClock.offsetMs();
  if (offsetMs === null) return { name: "clock", state: "untested", cause: "not compared yet" };
  return cloudClock.isTooFar()
    ? { name: "clock", state: "down", cause: `clock-skew: ${clockSkewText(offsetMs)}` }
    : { name: "clock", state: "up", cause: null };
}
