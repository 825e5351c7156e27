import { expect, it } from "vitest";
import { isEmittersMistake } from "../../../src/adapters/cloud/answers/error-table.ts";
import { createJournal } from "../../../src/observe/journal.ts";
import type { FinalEventName } from "../../../src/contract/event.ts";
import { END_VERDICTS, type EndVerdict } from "../../../src/contract/labels.ts";
import { createLogger } from "../../../src/observe/logging/logger.ts";
import { createMetrics } from "../../../src/observe/metrics/metrics.ts";
import { finalEvent, order } from "../core/builders.ts";
import { createWorld } from "../steps/fakes.ts";

const { projectId } = order();
const EMITTERS_JOB = { class: "job-failed", cloud_code: "Ecs.0314" };

async function leftOffAfter(name: "failed" | "succeeded" | "settled" | "waiting", power?: object) {
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: [projectId] });
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const { clock } = createWorld();
  const journal = createJournal({ logger, metrics, clock, isEmittersMistake });
  const event = finalEvent("failed");
  const data = { ...event.data, event: name, ...(power === undefined ? {} : { power }) };
  if (name === "waiting") journal.moved(order(), "restore", "waiting", [{ ...event, data }]);
  else journal.ended("restore", { event: { ...event, data }, reply: null, dead: null }, null);
  const series = `ecs_reinstall_servers_left_off_total{project="${projectId}"} `;
  const line = (await metrics.page()).split("\n").find((one) => one.startsWith(series));
  return line?.slice(series.length);
}

it("each override of a command that is accepted counts once, by its brake", async () => {
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: [projectId] });
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const journal = createJournal({ logger, metrics, clock: createWorld().clock, isEmittersMistake });
  const lifting = order({ override: ["cooldown", "of-a-later-version"] });
  const say = (event: "accepted" | "waiting") => {
    const said = finalEvent("failed");
    journal.moved(lifting, "admit", "waiting", [{ ...said, data: { ...said.data, event } }]);
  };
  say("accepted");
  say("waiting");
  const lines = (await metrics.page()).split("\n");
  const counted = lines.filter((one) => one.startsWith("ecs_reinstall_overrides_total{"));
  expect(counted.filter((one) => !one.endsWith(" 0"))).toEqual([
    `ecs_reinstall_overrides_total{brake="cooldown",project="${projectId}"} 1`,
  ]);
});

const next_step = "Look whether the server runs, and start it if it does not: it ran before.";

it.each([
  ["is off", "failed", { before: "on", after: "off", next_step }],
  ["could not be seen", "failed", { before: "on", next_step }],
  ["is off after its reinstall", "succeeded", { before: "on", after: "off", next_step }],
  ["is off while its command waits", "waiting", { before: "on", after: "off", next_step }],
  ["is off once it is known what happened", "settled", { before: "on", after: "off", next_step }],
] as const)("a server that should run and %s counts as left off", async (_, name, power) => {
  expect(await leftOffAfter(name, power)).toBe("1");
});

it.each([
  ["runs again", { before: "on", after: "on" }],
  ["was off before", { before: "off", after: "off" }],
  ["is not told about", undefined],
] as const)("a server that %s does not", async (_, power) => {
  expect(await leftOffAfter("failed", power)).toBe("0");
});

async function judged(name: FinalEventName, data: object) {
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: [projectId] });
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const { clock } = createWorld();
  const journal = createJournal({ logger, metrics, clock, isEmittersMistake });
  const event = finalEvent(name);
  const ended = { ...event, data: { ...event.data, ...data } };
  journal.ended("watch", { event: ended, reply: null, dead: null }, null);
  const lines = (await metrics.page()).split("\n");
  return END_VERDICTS.filter((verdict) =>
    lines.includes(`ecs_reinstall_ends_total{verdict="${verdict}",project="${projectId}"} 1`),
  );
}

it.each<[string, FinalEventName, object, EndVerdict]>([
  ["a success", "succeeded", {}, "good"],
  ["a success that is another command's", "succeeded", { leader: "other" }, "excluded"],
  [
    "a failure that is another command's",
    "failed",
    { leader: "other", class: "quota" },
    "excluded",
  ],
  ["a server that does not exist", "failed", { class: "not-found" }, "excluded"],
  ["a key pair that does not exist", "failed", { class: "key-pair" }, "excluded"],
  ["a right that the worker lacks", "failed", { class: "permission" }, "bad"],
  ["a quota that is used up", "failed", { class: "quota" }, "bad"],
  ["a bug of ours", "failed", { class: "internal" }, "bad"],
  ["a server that does not stop", "failed", { class: "stop-failed" }, "bad"],
  ["a failed job", "failed", { class: "job-failed", cloud_code: "Common.0999" }, "bad"],
  ["a failed job without a code", "failed", { class: "job-failed", cloud_code: null }, "bad"],
  ["a failed job, for a code of the emitter's", "failed", EMITTERS_JOB, "excluded"],
  ["nobody knows", "unresolved", {}, "bad"],
  ["too late", "expired", {}, "bad"],
  ["not understood", "rejected", {}, "excluded"],
  ["no longer needed", "superseded", {}, "excluded"],
  ["called off", "cancelled", {}, "excluded"],
  ["only asked", "planned", {}, "excluded"],
  ["too often", "quarantined", {}, "excluded"],
])("the objective of good ends judges: %s", async (_, name, data, verdict) => {
  expect(await judged(name, data)).toEqual([verdict]);
});

it("a server's mark in the cloud that ends a command, or keeps it waiting, counts as a decision", async () => {
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: [projectId] });
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const journal = createJournal({ logger, metrics, clock: createWorld().clock, isEmittersMistake });
  const counted = async () => {
    const series = `ecs_reinstall_brake_decisions_total{brake="protected",decision="no",project="${projectId}"} `;
    const lines = (await metrics.page()).split("\n");
    return lines.find((line) => line.startsWith(series))?.slice(series.length);
  };
  const said = (name: "rejected" | "failed", scope: string) => {
    const event = finalEvent(name);
    return { ...event, data: { ...event.data, brake: { name: "protected", scope } } };
  };
  journal.ended("admit", { event: said("rejected", "cloud mark"), reply: null, dead: null }, null);
  expect(await counted()).toBe("1");
  journal.moved(order(), "reconcile", "waiting", [said("failed", "cloud mark")]);
  expect(await counted()).toBe("2");
  // The store's meter has counted this one where it was asked.
  journal.ended("admit", { event: said("rejected", "operator"), reply: null, dead: null }, null);
  expect(await counted()).toBe("2");
});
