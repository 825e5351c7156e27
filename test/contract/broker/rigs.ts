import { memoryRigs } from "./memory-rig.ts";
import { rabbitMqRigs, rabbitMqRigsOfTheirOwn } from "./rabbitmq-rig.ts";

/** The in-memory broker and the real one: each test starts with empty queues. */
export const RIGS = [
  ["in memory", () => memoryRigs()],
  ["on RabbitMQ", rabbitMqRigs],
] as const;

/** The same where the broker is killed and blocked too. */
export const RIGS_TO_DISTURB = [
  ["in memory", () => memoryRigs()],
  ["on RabbitMQ", rabbitMqRigsOfTheirOwn],
] as const;

/** A message may be dead-lettered twice, by time or by its limit; RabbitMQ does so only when it is disturbed. */
export const RIGS_AND_COPIES = [
  ...RIGS,
  ["in memory, dead-lettering twice", () => memoryRigs({ copyLateMs: 30 })],
] as const;
