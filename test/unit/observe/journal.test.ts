import { expect, it } from "vitest";
import { createJournal } from "../../../src/observe/journal.ts";
import { createLogger } from "../../../src/observe/logger.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { finalEvent, order } from "../core/builders.ts";
import { createWorld } from "../steps/fakes.ts";

const { projectId } = order();

async function leftOffAfter(name: "failed" | "succeeded", power?: object) {
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: [projectId] });
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const journal = createJournal(logger, metrics, createWorld().clock);
  const event = finalEvent(name);
  const data = { ...event.data, ...(power === undefined ? {} : { power }) };
  journal.ended("restore", { event: { ...event, data }, reply: null, dead: null }, null);
  const series = `ecs_reinstall_servers_left_off_total{project="${projectId}"} `;
  const line = (await metrics.page()).split("\n").find((one) => one.startsWith(series));
  return line?.slice(series.length);
}

it("each override of a command that is accepted counts once, by its brake", async () => {
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: [projectId] });
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const journal = createJournal(logger, metrics, createWorld().clock);
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
