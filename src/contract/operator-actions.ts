/** What people do by hand; each is noted and published (brakes.md §9). */
export const OPERATOR_ACTIONS = [
  "pause",
  "resume",
  "protect",
  "unprotect",
  "release",
  "approve",
  "cancel",
  "unlock",
  "resolve",
  "dead-drop",
  "dead-return",
] as const;

export type OperatorAction = (typeof OPERATOR_ACTIONS)[number];
