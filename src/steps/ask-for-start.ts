import type { Envelope } from "../core/state/envelope.ts";
import type { StartOutcome } from "../core/server/observations.ts";
import type { ClaimAnswer } from "./ports/step-claim.ts";
import { notNow, stoodStill, unlessStoodStill, type StepDeps, type StepResult } from "./step.ts";

/** Who asks for a start, and what was seen before it did. */
interface Asking {
  readonly envelope: Envelope & { readonly state: { readonly phase: "restore" | "inquiry" } };
  readonly claimed: Extract<ClaimAnswer, { kind: "claimed" }>;
  /** Fencing token of the lock that the command holds. */
  readonly token: number;
  /** Since when nobody has looked at the lock, by the monotonic clock. */
  readonly sinceMs: number;
}

type Asked =
  | { readonly kind: "asked"; readonly outcome: StartOutcome }
  | { readonly kind: "not-asked"; readonly result: StepResult };

/** Starts a server that we stopped in vain, where its lock is still the command's (brakes.md §8). */
export async function askForStart(
  deps: StepDeps,
  { envelope, claimed, token, sinceMs }: Asking,
  signal: AbortSignal,
): Promise<Asked> {
  const { cloud, store, rules, reach } = deps;
  const { order, state } = envelope;
  const { phase } = state;
  const allowed = await store.mayStart(order, claimed.claim, { token, phase });
  if (allowed.kind !== "go") return { kind: "not-asked", result: notNow(allowed, rules) };
  await reach(`${phase}:may-start`);
  // The lock may be another command's by now.
  if (stoodStill(deps, sinceMs)) return { kind: "not-asked", result: { kind: "again" } };
  const call = unlessStoodStill(deps, sinceMs, signal);
  const outcome = await cloud.start(order.projectId, order.serverId, call);
  await reach(`${phase}:start-asked`);
  return { kind: "asked", outcome };
}
