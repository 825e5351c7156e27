import type { BrakeQuestion, TwinBrake } from "./twin-brake.ts";

/** How many slots there are, and what has lowered that. */
export interface EffectiveCap {
  readonly slots: number;
  readonly by: TwinBrake["name"] | "throttled" | null;
  /** Why that one stands. */
  readonly because?: string | undefined;
}

function saidByCap(slots: number, line: number, cap: number) {
  if (line < cap - slots) return null;
  return { verdict: "wait", ahead: line, cap, running: slots } as const;
}

/** `group-cap` of `brakes/cap.lua`. */
export const groupCap: TwinBrake = {
  name: "group-cap",
  at: [],
  ask({ m, order: { group }, rules: { maxRunningPerGroup: cap } }) {
    if (group === undefined || cap === 0) return null;
    const [slots, line] = [m.groupSlots.get(group)?.size ?? 0, m.groupLines.get(group)?.size ?? 0];
    const said = saidByCap(slots, line, cap);
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
      const said = saidByCap(question.m.slots.size, question.m.line.size, cap);
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
