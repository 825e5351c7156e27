import type { Brake } from "../../contract/brakes.ts";
import type { ProjectId } from "../../contract/ids.ts";
import type { SenderRule } from "./senders.ts";
import type { UserDataCheck } from "./user-data.ts";

export interface IntakeRules {
  /** The projects this worker may act on; the first is the default. */
  readonly projects: readonly ProjectId[];
  /** A command without `expires_at` is too old after this long. */
  readonly commandMaxAgeMs: number;
  /** Ids are remembered this long: no `not_before` may lie further ahead. */
  readonly dedupTtlMs: number;
  /** Brakes that a command may override. */
  readonly overridable: readonly Brake[];
  /** What a `user_data` that nothing would read comes to. */
  readonly userDataCheck: UserDataCheck;
  /** What each broker user may ask for; none: everybody may ask for everything. */
  readonly senders: readonly SenderRule[];
  /** Is it a queue of the worker's own? Nobody may have answers sent there. */
  readonly isOurQueue: (queue: string) => boolean;
}
