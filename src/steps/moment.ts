import type { Moment } from "../core/moment.ts";
import type { Rules } from "../core/rules.ts";
import type { Clock } from "./ports/clock.ts";

/** Gives the moment that it is asked in. A step asks for one after each wait, where it decides. */
export function momentsOf(deps: { readonly clock: Clock; readonly rules: Rules }): () => Moment {
  const { clock, rules } = deps;
  return () => ({ nowMs: clock.nowMs(), random: clock.random(), rules });
}
