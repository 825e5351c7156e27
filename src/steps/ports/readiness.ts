import type { ReadyAnswer } from "../../core/server/observations.ts";

/** Asks reinstalled servers themselves whether they answer. */
export interface Readiness {
  /**
   * One short attempt, which ends by itself within seconds and changes nothing; may be repeated freely. Never rejects:
   * whatever the server or the network does is `silent`. `unasked`: the signal ended it, so it says nothing of the server.
   */
  ask(address: string, signal: AbortSignal): Promise<ReadyAnswer>;
}
