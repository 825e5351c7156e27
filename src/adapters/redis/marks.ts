import type { ProjectId } from "../../contract/ids.ts";
import type { Clock } from "../../steps/ports/clock.ts";
import type { ReinstallStore } from "../../steps/ports/reinstall-store.ts";
import { type Mark, published } from "./scripts/end/published.ts";
import type { StoreContext } from "./scripts/shared/store-context.ts";

/** So long a mark waits for others. Its event is published: only the acknowledgement waits. */
const GATHER_MS = 50;
/** So many go at once: whoever waits takes a place of the prefetch. */
const MOST = 8;

/** Marks that go to the store together. */
interface Batch {
  readonly marks: Mark[];
  readonly sent: Promise<void>;
  readonly sendNow: () => void;
}

/** `published` of the store, in one script for all that come within a short time. Resolves when that has run. */
export function createMarks(
  context: Pick<StoreContext, "scripts">,
  clock: Pick<Clock, "sleep">,
): ReinstallStore["published"] {
  const gathering = new Map<ProjectId, Batch>();

  function begin(project: ProjectId): Batch {
    const waiting = new AbortController();
    const marks: Mark[] = [];
    const send = async () => {
      await clock.sleep(GATHER_MS, waiting.signal);
      if (gathering.get(project) === batch) gathering.delete(project);
      await published(context, project, marks);
    };
    const batch: Batch = { marks, sent: send(), sendNow: () => waiting.abort() };
    gathering.set(project, batch);
    return batch;
  }

  return async function mark(project, id, sequence) {
    const batch = gathering.get(project) ?? begin(project);
    batch.marks.push({ id, sequence });
    if (batch.marks.length === MOST) {
      gathering.delete(project);
      batch.sendNow();
    }
    await batch.sent;
  };
}
