import { ranked } from "../script-line.ts";
import type { BrakeQuestion, TwinBrake } from "./twin-brake.ts";

/** How many slots there are, and what has lowered that. */
export interface EffectiveCap {
  readonly slots: number;
  readonly by: TwinBrake["name"] | "throttled" | null;
  /** Why that one stands. */
  readonly because?: string | undefined;
}

type Ranks = ReadonlyMap<string, number>;
const NOBODY: Ranks = new Map();

function saidByCap(id: string, slots: Ranks, line: Ranks, cap: number) {
  if (slots.has(id)) return null;
  const [running, ahead] = [slots.size, line.has(id) ? ranked(line).indexOf(id) : line.size];
  return ahead < cap - running ? null : ({ verdict: "wait", ahead, cap, running } as const);
}

/** `group-cap` of `brakes/cap.lua`. */
export const groupCap: TwinBrake = {
  name: "group-cap",
  at: [],
  ask({ m, order: { commandId, group }, rules: { maxRunningPerGroup: cap } }) {
    if (group === undefined || cap === 0) return null;
    const [slots, line] = [m.groupSlots.get(group) ?? NOBODY, m.groupLines.get(group) ?? NOBODY];
    const said = saidByCap(commandId, slots, line, cap);
    return said && { brake: "group-cap", ...said };
  },
};

/** `cap` of `brakes/cap.lua`; `effective`: what other brakes leave of the project's cap. */
export function capOf(effective: (question: BrakeQuestion) => EffectiveCap): TwinBrake {
  return {
    name: "cap",
    at: [],
    ask(question) {
      const { slots: cap, by, because } = effective(question);
      const said = saidByCap(question.order.commandId, question.m.slots, question.m.line, cap);
      return (
        said && {
          brake: "cap",
          ...said,
          ...(by !== null && { loweredBy: by }),
          ...(because !== undefined && { because }),
        }
      );
    },
  };
}
