import type { TwinBrake } from "./twin-brake.ts";

/** `brakes/windows.lua`. */
export const windows: TwinBrake = {
  name: "windows",
  at: ["admission"],
  ask: ({ closed }) => closed && { brake: "windows", verdict: "wait", ...closed },
};
