import { expect, it } from "vitest";
import { ProjectId } from "../../../src/contract/ids.ts";
import type { Closed } from "../../../src/core/brakes/windows.ts";
import { createBrakesView, watchPauses } from "../../../src/observe/brakes-view.ts";
import { createLogger } from "../../../src/observe/logging/logger.ts";
import { createMetrics } from "../../../src/observe/metrics/metrics.ts";

const PROJECTS = [ProjectId.parse("0123456789abcdef0123456789abcdef")];

it("closed windows hold each project, with the reason and the time, for as long as they are closed", async () => {
  let closed: Closed | null = {
    reason: "outside of the window allow Mo-Fr 08:00-18:00 UTC",
    untilMs: Date.parse("2026-11-30T08:00:00Z"),
  };
  const view = createBrakesView({
    projects: PROJECTS,
    pausedByConfiguration: false,
    closed: () => closed,
    standing: () => [],
    readAtMs: () => null,
    refresh: async () => true,
    keptOff: () => [],
  });
  const metrics = createMetrics({ version: "1", processMetrics: false, projects: PROJECTS });
  const logger = createLogger({ level: "silent", destination: { write: () => undefined } });
  const watch = watchPauses(view, PROJECTS, metrics, logger);
  const gauge = async () => {
    watch.onRead();
    const series = `ecs_reinstall_brake{brake="windows",project="${PROJECTS[0]}"} `;
    return (await metrics.page()).split("\n").find((line) => line.startsWith(series));
  };
  expect(view.holding()).toEqual([
    {
      brake: "windows",
      projectId: PROJECTS[0],
      scope: "configuration",
      by: null,
      sinceMs: null,
      reason:
        "nothing begins until 2026-11-30T08:00:00.000Z: it is outside of the window allow Mo-Fr 08:00-18:00 UTC",
    },
  ]);
  expect(await gauge()).toMatch(/ 1$/);
  closed = null;
  expect(view.holding()).toEqual([]);
  expect(await gauge()).toMatch(/ 0$/);
});

it("a pause whose entry cannot be read stands since nobody knows when", () => {
  const entry = { on: true, atMs: 0, by: "unknown", reason: "its entry cannot be read" };
  const view = createBrakesView({
    projects: PROJECTS,
    pausedByConfiguration: false,
    closed: () => null,
    standing: () => PROJECTS.map((project) => ({ project, scope: "project", entry })),
    readAtMs: () => null,
    refresh: async () => true,
    keptOff: () => [],
  });
  expect(view.holding()).toMatchObject([{ brake: "pause", sinceMs: null, by: "unknown" }]);
});
