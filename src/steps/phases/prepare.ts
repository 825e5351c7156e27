import { towardsProof } from "../../core/towards.ts";
import { waitFor } from "../../core/waiting/waiting.ts";
import {
  afterPrepareLook,
  afterStop,
  mayAskToStop,
  otherHardStopPerhaps,
} from "../../core/decisions/decide-prepare.ts";
import { next } from "../../core/decision.ts";
import { heldBy } from "../../core/brakes/gate.ts";
import type { Look } from "../../core/server/observations.ts";
import { momentsOf } from "../moment.ts";
import {
  conclude,
  copyMayHaveRun,
  isFirst,
  notNow,
  type PhaseStep,
  type StepDeps,
  stoodStill,
  unlessStoodStill,
  withCalls,
} from "../step.ts";

/** `prepare`: bring a running server to a stop. */
export function createPrepare(deps: StepDeps): PhaseStep<"prepare"> {
  const { store, clock, rules, reach } = deps;
  const moment = momentsOf(deps);
  return async (envelope, claimed, arrival, signal) => {
    const { order } = envelope;
    const state = isFirst({ envelope, claimed, arrival })
      ? envelope.state
      : otherHardStopPerhaps(envelope.state, moment());
    const mayHaveRun = copyMayHaveRun(claimed);
    const { body, tries, power } = state;
    const candidate = { order, body, tries, waiting: null, power, mayHaveRun };
    if (claimed.lock !== "held") {
      // The server was given to another command while the store had no memory of this one.
      const { before } = state;
      const decision = waitFor(candidate, "store-rebuilding", moment(), { before });
      return conclude(claimed, envelope, decision);
    }
    if (mayHaveRun) {
      const now = moment();
      const waiting = { waitsFor: "store-rebuilding", sinceMs: now.nowMs } as const;
      const known = { phase: "waiting", ...waiting, body: state.body, tries: state.tries } as const;
      const decision = towardsProof(
        { ...candidate, waiting: { ...known, before: state.before } },
        now,
      );
      return conclude(claimed, envelope, decision);
    }
    if (claimed.claim.rebuildingUntilMs !== null) {
      return conclude(claimed, envelope, next(state, rules.ladderMs.at(-1) ?? 0));
    }
    const calls = mayAskToStop(state, moment()) ? 2 : 1;
    const reserved = await withCalls(deps.cloud, order.projectId, { class: 2, calls }, signal);
    const look: Look =
      reserved.kind === "reserved"
        ? await reserved.cloud.look(order.projectId, order.serverId, signal)
        : { ...reserved, kind: "unreadable" };
    await reach("prepare:looked");
    const { cancelRequest } = claimed;
    const preparation = afterPrepareLook(order, state, { look, cancelRequest }, moment());
    if (preparation.kind !== "stop") return conclude(claimed, envelope, preparation);
    if (reserved.kind === "reserved") await reserved.ready(signal);
    const askedMs = clock.monotonicMs();
    const allowed = await store.mayStop(order, claimed.claim);
    if (allowed.kind === "held") {
      const { before } = state;
      return conclude(claimed, envelope, heldBy(candidate, allowed.hold, moment(), before));
    }
    if (allowed.kind !== "go") return notNow(allowed, rules);
    await reach("prepare:may-stop");
    // The command may have ended by now: a stop would leave its server off.
    if (stoodStill(deps, askedMs)) return { kind: "again" };
    const call = unlessStoodStill(deps, askedMs, signal);
    const { cloud } = reserved.kind === "reserved" ? reserved : deps;
    const outcome = await cloud.stop(order.projectId, order.serverId, preparation.type, call);
    await reach("prepare:stop-asked");
    return conclude(claimed, envelope, afterStop(state, preparation.type, outcome, moment()));
  };
}
