import { type Envelope, ENVELOPE_VERSION } from "../../../../src/core/state/envelope.ts";
import { toProgressEvent } from "../../../../src/core/messages/events.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { StepClaim } from "../../../../src/steps/ports/step-claim.ts";
import { envelope } from "../rig/samples.ts";
import type { Ask, Known } from "./asks.ts";
import type { Present } from "./sides.ts";
import { stateOf } from "./states.ts";
import type { Step } from "./steps.ts";

/** What is asked about a command that ended unresolved. */
export function askInquiry(
  step: Extract<Step, { op: "settle" | "endInquiry" }>,
  { order: of, token }: Known,
  { nowMs }: Present,
): Ask {
  if (step.op === "endInquiry") return { by: ({ store }) => store.endInquiry(of) };
  const draft = { event: "settled" as const, data: { as: step.as } };
  const event = toProgressEvent("test", of, { sequence: 1, atMs: nowMs }, draft);
  const settled = { ...event, id: `${of.commandId}~settled/1` };
  const tokens = { its: token, any: null, another: (token ?? 0) + 1 };
  return {
    by: ({ store }) =>
      store.settle({
        order: of,
        token: tokens[step.token],
        as: step.as,
        outcome: { event: settled, reply: null, dead: null },
        healedAtMs: step.heals ? nowMs : null,
      }),
  };
}

/** The first message of an inquiry, which follows the step that ends its command. */
export function firstOfInquiry(
  of: Order,
  { claim, token }: { readonly claim: StepClaim; readonly token: number | null },
  nowMs: number,
): Envelope {
  const state = stateOf("inquiry", nowMs);
  const from = { claim: { ...claim, step: 0, sequence: 0 }, token };
  return envelope(of, from, { v: ENVELOPE_VERSION, dueMs: nowMs, state });
}
