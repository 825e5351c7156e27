import type { CloudAdapter } from "../adapters/cloud/cloud-api.ts";
import type { Standing } from "../adapters/cloud/standing.ts";
import type { ProjectId } from "../contract/ids.ts";
import type { Clock } from "../steps/ports/clock.ts";

/** Which cloud is asked, about which project, and how patiently. */
export interface CloudProverOptions {
  readonly cloud: Pick<CloudAdapter, "standings" | "probe" | "settle">;
  /** The project that is asked about. */
  readonly project: ProjectId;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Between two questions while our credentials are refused: each may count towards the lock of the key. */
  readonly refusedPauseMs: number;
  /** What other workers were refused is known: without it each start would be one more refusal. */
  readonly isCountKnown: () => boolean;
  readonly signal: AbortSignal;
  /** A part went down, or is back after that. */
  readonly onTurn: (part: Standing) => void;
  /** A project is refused while others are taken, or is no more; `why` null: it is not. */
  readonly onProject: (project: ProjectId, why: string | null) => void;
  readonly onError: (error: unknown) => void;
}

const LOOK_MS = 1_000;
/** So long a worker waits for Redis before its first question: without Redis, too, it must learn whether its key is right. */
const COUNT_PATIENCE_MS = 10_000;
/** Redis is there within this many ms of a start as a rule; a command that comes first would be the question, and others wait for it. */
const COUNT_LOOK_MS = 20;
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Asks the cloud one question at the start, and again, ever more slowly, as long as something is not proven: so a wrong
 * endpoint, key or clock shows before the first command comes, and a worker without commands learns that the cloud is
 * back. The breakers hold its questions back like any others; while everything is proven it asks nothing.
 */
export function createCloudProver(options: CloudProverOptions) {
  const { cloud, project, clock, refusedPauseMs, isCountKnown, signal } = options;
  const { onTurn, onProject, onError } = options;
  let patientUntilMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let soon: NodeJS.Timeout | undefined;
  let nextMs = 0;
  let pauseMs = FIRST_PAUSE_MS;
  let asking = false;
  let before = "";
  const down = new Set<Standing["name"]>();
  const alone = new Set<ProjectId>();

  function reportProjects(now: NonNullable<Standing["alone"]>): void {
    for (const { project: one, why } of now) if (!alone.has(one)) onProject(one, why);
    for (const one of alone) if (!now.some((other) => other.project === one)) onProject(one, null);
    alone.clear();
    for (const { project: one } of now) alone.add(one);
  }

  /** What nothing has shown to be back is no news. */
  function report(part: Standing): void {
    if (part.state === "up" && part.alone !== undefined) reportProjects(part.alone);
    if (part.state === "untested" || down.has(part.name) === (part.state === "down")) return;
    if (part.state === "down") down.add(part.name);
    else down.delete(part.name);
    onTurn(part);
  }

  async function look(): Promise<void> {
    const standings = cloud.standings();
    for (const part of standings) report(part);
    const now = standings.map(({ name, state }) => `${name} ${state}`).join();
    const refused = standings.some(({ name, state }) => name === "credentials" && state === "down");
    // Without a command nobody else would notice that they are taken for another project, or by another replica.
    if (refused) cloud.settle();
    if (now !== before) {
      // Refused now: no second refusal for curiosity. Anything else, new credentials perhaps: ask soon.
      pauseMs = refused ? refusedPauseMs : FIRST_PAUSE_MS;
      if (before !== "") nextMs = clock.monotonicMs() + pauseMs;
      before = now;
    }
    // One that is up may have a project that is refused, and is to be noticed when it is taken again.
    if (asking || standings.every(({ state, cause }) => state === "up" && cause === null)) return;
    if (clock.monotonicMs() < nextMs) return;
    if (!isCountKnown() && clock.monotonicMs() < patientUntilMs) {
      clearTimeout(soon);
      soon = setTimeout(() => void look(), COUNT_LOOK_MS);
      soon.unref();
      return;
    }
    asking = true;
    try {
      await cloud.probe(project, signal);
    } catch (error) {
      onError(error);
    } finally {
      asking = false;
      nextMs = clock.monotonicMs() + pauseMs;
      pauseMs = Math.max(pauseMs, Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
    }
  }

  return {
    start(): void {
      patientUntilMs = clock.monotonicMs() + COUNT_PATIENCE_MS;
      void look();
      timer = setInterval(() => void look(), LOOK_MS);
      timer.unref();
    },
    stop(): void {
      clearInterval(timer);
      clearTimeout(soon);
    },
  };
}
