import type { OperatorCommands } from "../../src/adapters/redis/operator-commands.ts";

/** What a test does not expect to be asked for. */
export const never = () => Promise.reject(new Error("not asked for here"));

/** Operator commands of which none is expected; a test puts its own in their place. */
export const NO_OPERATOR: OperatorCommands = {
  cancel: never,
  setPause: never,
  standingOf: never,
  pauseSeen: never,
  standingPauses: never,
  sending: never,
  projects: never,
  resolve: never,
  holder: never,
  unlock: never,
  note: never,
};
