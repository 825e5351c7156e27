import type { AuditEntry } from "../contract/audit.ts";
import type { ProjectId } from "../contract/ids.ts";
import { toOperatorEvent } from "../core/messages/operator-event.ts";
import type { AuditTrail } from "../steps/ports/audit-trail.ts";
import type { Clock } from "../steps/ports/clock.ts";
import type { Outlet } from "../steps/ports/outlet.ts";
import { type BackgroundTask, createTask } from "./task.ts";

/** Where the actions are noted, where they are published, and who is informed. */
export interface AuditPublisherOptions {
  readonly trail: AuditTrail;
  readonly outlet: Pick<Outlet, "publish">;
  readonly projects: readonly ProjectId[];
  readonly region: string;
  readonly clock: Pick<Clock, "sleep">;
  /** How often the store is asked. */
  readonly intervalMs: number;
  /** A worker that dies while it publishes is followed by the next after this long. */
  readonly leaseMs: number;
  /** Its event is confirmed by the broker: does what else follows from it. */
  readonly onPublished: (
    project: ProjectId,
    entry: AuditEntry,
    signal: AbortSignal,
  ) => void | Promise<void>;
  /** So many actions left the list before anybody had published them. */
  readonly onMissed: (project: ProjectId, count: number) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Publishes what people did by hand: the entries that the scripts note, one worker at a time. What a worker has published
 * and not said so before it died is published again, under the same id.
 */
export function createAuditPublisher(options: AuditPublisherOptions): BackgroundTask {
  const { trail, outlet, projects, region, clock, intervalMs, leaseMs } = options;

  async function publishOf(project: ProjectId, signal: AbortSignal): Promise<void> {
    const taken = await trail.take(project, leaseMs);
    // Readiness and the log have the reason: every step asks the same store.
    if (taken.kind !== "taken") return;
    if (taken.missed > 0) options.onMissed(project, taken.missed);
    let upTo: number | null = null;
    for (const entry of taken.entries) {
      if (signal.aborted) break;
      const event = toOperatorEvent(region, project, entry);
      // Whoever asks next begins with this one.
      if ((await outlet.publish([{ kind: "operator", event }], signal)) !== "confirmed") break;
      upTo = entry.number;
      await options.onPublished(project, entry, signal);
    }
    await trail.published(project, taken, upTo);
  }

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const project of projects) {
        try {
          await publishOf(project, signal);
        } catch (error) {
          options.onError(error);
        }
      }
      await clock.sleep(intervalMs, signal);
    }
  }

  return createTask(run);
}
