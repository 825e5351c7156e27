import type { ProjectId, ServerId } from "../contract/ids.ts";
import type { ServerLook, ServerLooks } from "../contract/server-look.ts";
import type { Look } from "../core/server/observations.ts";
import { describe, isIdle } from "../core/server/server-fitness.ts";
import type { Clock } from "./ports/clock.ts";
import type { CloudApi } from "./ports/cloud-api.ts";

export interface LookForPeopleDeps {
  readonly cloud: Pick<CloudApi, "look">;
  readonly projects: readonly ProjectId[];
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly signal: AbortSignal;
}

/** Calls to the cloud are scarce: whoever asks again so soon is answered the same. */
const FRESH_MS = 3_000;
/** Of so many servers the last answer is kept. */
const MOST = 100;

/** Looks at servers for people: within the request budget, and at one server at most once in {@link FRESH_MS}. */
export function createLookForPeople(deps: LookForPeopleDeps): ServerLooks {
  const { cloud, projects, clock, signal } = deps;
  const recent = new Map<string, { readonly atMs: number; readonly answer: Promise<Look> }>();

  function lookAt(project: ProjectId, server: ServerId): Promise<Look> {
    const key = `${project} ${server}`;
    const known = recent.get(key);
    if (known !== undefined && clock.monotonicMs() - known.atMs < FRESH_MS) return known.answer;
    const answer = cloud.look(project, server, signal);
    recent.delete(key);
    recent.set(key, { atMs: clock.monotonicMs(), answer });
    const [oldest] = recent.keys();
    if (recent.size > MOST && oldest !== undefined) recent.delete(oldest);
    return answer;
  }

  return {
    async look(project, server) {
      if (!projects.includes(project)) return { kind: "absent" };
      return { kind: "found", view: shown(await lookAt(project, server)) };
    },
  };
}

function shown(look: Look): ServerLook {
  const nothing = { status: null, systemDisk: null };
  switch (look.kind) {
    case "seen": {
      const { server } = look;
      const seen = isIdle(server) ? "idle" : "busy";
      return {
        seen,
        detail: describe(server),
        status: server.status,
        systemDisk: server.systemDiskId,
      };
    }
    case "absent":
      return { seen: "absent", detail: look.refusal.message, ...nothing };
    case "refused":
      return { seen: "unreadable", detail: look.refusal.message, ...nothing };
    case "unreadable":
      return { seen: "unreadable", detail: look.message, ...nothing };
  }
}
