import { z } from "zod";
import { CommandId, ProjectId } from "../../contract/ids.ts";
import type { OsReinstall } from "../../contract/os-reinstall.ts";
import { openObject } from "./open-object.ts";
import { Order } from "./order.ts";
import { traitsOf } from "./phases.ts";
import { State, withoutBody } from "./state.ts";
import { TRANSITIONS } from "./transitions.ts";

/**
 * Layout of internal messages. A worker passes on, untouched, what carries another number or a phase that it does not
 * know. Members may be added without a new number where an older worker may ignore them: those of the order go along to
 * the end, those of a state as long as it is only deferred. What must not be ignored, and any secret, needs a new number.
 */
export const ENVELOPE_VERSION = 2;

/**
 * Of messages without a slot or a place, which are read all the same. A worker that knows no other would start a command
 * without a slot, and forget its place: so every message that is written has {@link ENVELOPE_VERSION}.
 */
const FIRST_VERSION = 1;

/**
 * Under which name the store keeps a step, and the broker its messages: an inquiry has a record of its own beside that of
 * its command. `~` is no character of a command id.
 */
export function recordIdOf(commandId: string, phase: State["phase"] | undefined): string {
  return phase === "inquiry" ? `${commandId}${INQUIRY_SUFFIX}` : commandId;
}
export const INQUIRY_SUFFIX = "~inquiry";

/** Headroom of one step: a claim reserves this many event numbers, so that no two claims share one. */
export const SEQUENCE_BLOCK = 16;

/**
 * An internal message: one command between two steps, complete. `step` counts the command's steps from 1
 * (the raw command is step 0) and `sequence` its next event number; `epoch` names the memory of the store
 * that the step before ran in; nothing is done before `dueMs`.
 */
export const Envelope = openObject({
  v: z.literal([FIRST_VERSION, ENVELOPE_VERSION]),
  order: Order,
  step: z.int().min(1),
  sequence: z.int().min(1),
  epoch: z.string(),
  dueMs: z.number(),
  /** Nobody can have taken this message, or a copy of it, before this instant of the store's clock; absent: not known. */
  unseenUntilMs: z.number().optional(),
  /** Fencing token of the lock that this command holds; null when it holds none. */
  token: z.int().nullable(),
  /** The command has a slot of its project, given together with the lock; absent in messages of version 1. */
  slot: z.boolean().optional(),
  /** When the command first arrived, by the store's clock, epoch ms: its place in every line; absent in messages of version 1. */
  placeMs: z.number().optional(),
  /** How often this message was put back by us rather than by the broker: it may have been delivered before. */
  revived: z.int().min(0),
  /** How often the broker gave this step up. */
  deaths: z.int().min(0),
  state: State,
});
export type Envelope = z.infer<typeof Envelope>;

/** Is this a step of a later version, to be left to a worker that knows it? Its number or its phase is unknown to us. */
export function isLaterVersion(value: unknown): boolean {
  const head = EnvelopeHead.safeParse(value);
  if (!head.success) return false;
  const { v, state } = head.data;
  return v < FIRST_VERSION || v > ENVELOPE_VERSION || !(state.phase in TRANSITIONS);
}

/** What every version of an internal message at least says. */
const EnvelopeHead = z.looseObject({
  v: z.int(),
  order: z.looseObject({ commandId: CommandId, projectId: ProjectId }),
  state: z.looseObject({ phase: z.string() }),
});

/** The envelope as it may be stored: without the `os-reinstall` body, which may hold `user_data`. */
export function storedEnvelope(envelope: Envelope): unknown {
  return { ...envelope, state: withoutBody(envelope.state) };
}

/**
 * A stored envelope put together again with the body of the message it followed from. Null when it needs
 * a body and there is none, or when it cannot be read.
 */
export function restoreEnvelope(stored: unknown, body: OsReinstall | undefined): Envelope | null {
  const withBody = StoredEnvelope.safeParse(stored);
  if (!withBody.success) return null;
  const { state } = withBody.data;
  const takesBody = body !== undefined && needsBody(state);
  const complete = Envelope.safeParse({
    ...withBody.data,
    // A worker of version 1 would lose it.
    ...(takesBody && state.phase === "joined" ? { v: ENVELOPE_VERSION } : {}),
    state: takesBody ? { ...state, body } : state,
  });
  return complete.success ? complete.data : null;
}

/** Of a command that goes back to its place in line. */
const StoredPlace = z.looseObject({ kind: z.literal("wait") });

const StoredEnvelope = z.looseObject({ state: z.looseObject({ phase: z.string() }) });

function needsBody({ phase, accepted, after }: z.infer<typeof StoredEnvelope>["state"]): boolean {
  switch (traitsOf(phase)?.body) {
    case "always":
      return true;
    case "until-accepted":
      return accepted === undefined;
    case "to-wait":
      return StoredPlace.safeParse(after).success;
    case "never":
    case undefined:
      return false;
  }
}
