import { CLOUD_FAULTS, type CloudFault } from "../../support/in-memory/cloud-port.ts";

/** Faults of a worker process, rolled wherever it talks to somebody. */
export const PROCESS_FAULTS = ["crash", "pause", "disconnect", "terminate", "block"] as const;

/** Faults of the world around it, rolled at the same places. */
export const WORLD_FAULTS = [
  "broker-down",
  "store-away",
  "store-flush",
  "store-restart",
  "store-forget",
  "outsider",
  "cancel",
  "hold-all",
] as const;

/** Faults of one call. */
const CALL_FAULTS = [
  "store-lost-request",
  "store-lost-reply",
  "store-late",
  "publish-lost-confirm",
  "publish-lost",
  "publish-twice",
  "publish-refused",
  "hand-over-late",
  "hand-over-copy",
  ...CLOUD_FAULTS,
] as const;

export const FAULTS = [...PROCESS_FAULTS, ...WORLD_FAULTS, ...CALL_FAULTS] as const;
export type Fault = (typeof FAULTS)[number] | CloudFault;

/** Chance per occasion; what is absent does not happen. */
export type FaultRates = Readonly<Partial<Record<Fault, number>>>;

/** How often each may happen in one run: the world must come to rest at last. */
export const FAULT_BUDGET: Readonly<Partial<Record<Fault, number>>> = {
  crash: 10,
  pause: 6,
  disconnect: 8,
  terminate: 3,
  block: 4,
  "broker-down": 3,
  "store-away": 4,
  "store-flush": 2,
  "store-restart": 2,
  "store-forget": 2,
  outsider: 4,
  cancel: 1,
  "hold-all": 3,
};

/** Places where a seed may make faults many times likelier than elsewhere. */
export const FOCUS_LABELS = [
  "admit",
  "claim",
  "take-attempt",
  "look",
  "sign",
  "intent",
  "send",
  "save",
  "finish",
  "published",
  "publish submit",
  "publish watch",
  "publish event succeeded",
  "publish event failed",
  "publish event",
  "ack",
  "submit:",
  "step:",
  "job",
] as const;
