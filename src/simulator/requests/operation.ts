/** What a call asks for, as far as faults and counters tell calls apart. */
export const operations = [
  "reinstall",
  "stop",
  "start",
  "job",
  "server",
  "servers",
  "token",
  "project",
  "image",
  "disk",
  "action-log",
  "unknown",
] as const;
export type Operation = (typeof operations)[number];
