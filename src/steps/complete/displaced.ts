import type { Envelope } from "../../core/state/envelope.ts";
import {
  aliasOf,
  type FinalDraft,
  toProgressEvent,
  underAlias,
} from "../../core/messages/events.ts";
import type { ReinstallStore } from "../ports/reinstall-store.ts";
import type { StoreAway, StoreCorrupt } from "../ports/store-trouble.ts";
import type { StoredOutcome } from "../ports/stored-outcome.ts";

export type Displaced =
  | { readonly kind: "finished"; readonly alias: string; readonly outcome: StoredOutcome }
  | { readonly kind: "rebuilding"; readonly untilMs: number }
  | StoreAway
  | StoreCorrupt;

/**
 * The end of a command whose id has been given to another one while the store had forgotten it. Its own record is gone, so
 * the end is stored, and published, under an alias of the id. May be repeated: the first that was stored is given back.
 */
export function createDisplaced(store: Pick<ReinstallStore, "refuse">, region: string) {
  return async function displaced({ order, dueMs }: Envelope): Promise<Displaced> {
    const alias = aliasOf(order.commandId, order.contentHash);
    const mark = { sequence: 1, atMs: dueMs };
    const event = underAlias(toProgressEvent(region, order, mark, ID_TAKEN), alias);
    const answer = await store.refuse({
      project: order.projectId,
      id: alias,
      contentHash: order.contentHash,
      outcome: {
        event,
        reply: order.replyTo ?? null,
        dead: { reason: "id-taken", body: { order, event } },
      },
    });
    switch (answer.kind) {
      case "finished":
        return { kind: "finished", alias, outcome: answer.outcome };
      case "rebuilding":
      case "away":
      case "corrupt":
        return answer;
      case "id-reused":
      case "renumber":
      case "refusal-unconfirmed":
        throw new Error(`nobody else writes at ${alias}: ${answer.kind}`);
    }
  };
}

const ID_TAKEN: FinalDraft = {
  event: "unresolved",
  data: {
    seen: "the store had forgotten this command, and another one was admitted under its id",
    why: "id-taken",
    next_step: "Look at the server: nobody follows this command any more.",
  },
};
