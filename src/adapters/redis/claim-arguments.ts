import { type Envelope, SEQUENCE_BLOCK, storedEnvelope } from "../../core/envelope.ts";
import { keysOf } from "./keys.ts";

/** How `claim.lua` is asked. */
export interface Claiming {
  /** The delivery's own; empty for a hop, which claims nothing. */
  readonly nonce: string;
  readonly redelivered: boolean;
  /** The message only waits on. */
  readonly hop: boolean;
  /** After trust was lost, no new lock is given for this long. */
  readonly holdMs: number;
  /** Id of the next epoch, should one begin now. */
  readonly candidate: string;
}

/** KEYS of `claim.lua`. */
export function claimKeys({ order }: Envelope): string[] {
  const k = keysOf(order.projectId);
  return [k.command(order.commandId), k.lock(order.serverId), k.token, k.active, k.epoch];
}

/** ARGV of `claim.lua`. */
export function claimArguments(envelope: Envelope, claiming: Claiming): (string | number)[] {
  const { order, state } = envelope;
  return [
    order.commandId,
    claiming.nonce,
    claiming.redelivered || envelope.revived > 0 ? "1" : "0",
    envelope.step,
    envelope.epoch,
    envelope.token ?? "",
    claiming.holdMs,
    SEQUENCE_BLOCK,
    order.contentHash,
    order.wishHash,
    order.serverId,
    state.phase,
    "tries" in state ? state.tries.attempt : 1,
    envelope.sequence,
    JSON.stringify(order),
    JSON.stringify(storedEnvelope(envelope)),
    claiming.candidate,
    claiming.hop ? "1" : "0",
    envelope.unseenUntilMs ?? "",
  ];
}
