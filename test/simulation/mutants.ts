import type { Mutation } from "./mutation.ts";

export const MUTANTS: readonly Mutation[] = [
  {
    name: "no-intent",
    what: "the POST goes out although no intent is kept",
    switches: { forgetIntent: true },
  },
];
