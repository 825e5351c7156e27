import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { topologyOf, waitingQueue } from "../../src/adapters/amqp/topology/topology.ts";
import { DEFAULT_AMQP_SETTINGS } from "../support/rabbitmq/amqp-settings.ts";
import { chartFile } from "./helm.ts";
import { createPromtool, firing, type Promtool } from "./promtool.ts";
import { age, HEALTHY } from "./series.ts";

let promtool: Promtool;

beforeAll(async () => {
  promtool = await createPromtool();
});
afterAll(() => promtool?.close());

async function promtoolAgrees(tests: readonly object[]): Promise<void> {
  expect(await promtool.judge(tests)).toBe("");
}

describe("a delay queue that stands still", () => {
  const alert = "EcsReinstallDelayQueueStuck";
  const late = (rung: number | string, values: string) => ({
    [`message_overdue_seconds{rung="${rung}"}`]: values,
  });

  it("is named by its delay, each for itself", async () => {
    const series = { ...HEALTHY, ...late(2_000, "0x20 90x100"), ...late(60_000, "0x20 61x100") };
    await promtoolAgrees([
      firing("both", "23m", series, alert, [{ rung: "2000" }, { rung: "60000" }]),
    ]);
  });

  it("is told of that for those who wait in a crowd once their messages should have been put back", async () => {
    const waiting = (values: string) => ({ ...HEALTHY, ...late("waiting.60000", values) });
    await promtoolAgrees([
      firing("a long queue", "60m", waiting("0x20 150x100"), alert, []),
      firing("not put back", "23m", waiting("0x20 211x100"), alert, [{ rung: "waiting.60000" }]),
    ]);
  });

  it("allows them the time for which the broker leaves them in their queue", () => {
    const { queues } = topologyOf(DEFAULT_AMQP_SETTINGS);
    const waiting = queues.find(({ name }) => name === waitingQueue(DEFAULT_AMQP_SETTINGS.names));
    const seconds = Number(waiting?.arguments["x-message-ttl"]) / 1_000;
    expect(chartFile("files/alerts.yaml")).toContain(`> <messageOverdueSeconds> + ${seconds}\n`);
  });

  it("is told before the sweeper touches its messages, and not at the first late one", async () => {
    // Seen a minute and a half after a message was due.
    const series = { ...HEALTHY, ...late(2_000, "0x20 90+60x100") };
    await promtoolAgrees([
      firing("at once", "22m", series, alert, []),
      firing("after two minutes", "23m", series, alert, [{ rung: "2000" }]),
    ]);
  });

  it("is not told when messages were late for a moment, when RabbitMQ is away, or for the work queue", async () => {
    const moment = { ...HEALTHY, ...late(2_000, "0x20 90 90 0x100") };
    const away = {
      ...HEALTHY,
      ...late(2_000, "0x20 90+60x100"),
      'dependency_up{dependency="rabbitmq"}': "1x19 0x100",
    };
    const work = { ...HEALTHY, ...late(0, "0x20 90+60x100") };
    await promtoolAgrees([
      firing("moment", "23m", moment, alert, []),
      firing("away", "40m", away, alert, []),
      firing("work", "40m", work, alert, []),
    ]);
  });
});

describe("the age of the backlog", () => {
  it("is that of the oldest command, whatever its phase", async () => {
    const alert = "EcsReinstallBacklogAge";
    // It moves from one phase to another all the time: neither is over the limit for long.
    const series = {
      ...HEALTHY,
      [age("waiting")]: "4000 0 4000 0 4000 0 4000 0 4000 0 4000x90",
      [age("submit")]: "0 4000 0 4000 0 4000 0 4000 0 4000 0x90",
    };
    await promtoolAgrees([firing("moving", "7m", series, alert, [{ alertname: alert }])]);
  });

  it("may be as great as a job's deadline and the time of stopping", async () => {
    const series = { ...HEALTHY, [age("watch")]: "3500x100" };
    await promtoolAgrees([firing("slow", "60m", series, "EcsReinstallBacklogAge", [])]);
  });
});

describe("errors of the cloud by code", () => {
  const alert = "EcsReinstallCloudErrorCode";
  const looks = (outcome: string) => `cloud_requests_total{operation="look",outcome="${outcome}"}`;
  const coded = (operation: string, code: string) =>
    `cloud_errors_total{operation="${operation}",code="${code}"}`;

  it("are told once for each operation and code", async () => {
    const series = {
      ...HEALTHY,
      [looks("throttled")]: "0+15x400",
      [coded("look", "APIGW.0308")]: "0+15x400",
      'cloud_requests_total{operation="job",outcome="ok"}': "0+4x400",
      'cloud_requests_total{operation="job",outcome="error"}': "0+6x400",
      [coded("job", "Common.0025")]: "0+3x400",
      [coded("job", "none")]: "0+3x400",
    };
    await promtoolAgrees([
      firing("each", "40m", series, alert, [
        { operation: "look", code: "APIGW.0308" },
        { operation: "job", code: "Common.0025" },
        { operation: "job", code: "none" },
      ]),
    ]);
  });

  it("are not told one by one, nor while they are a small part", async () => {
    const one = {
      'cloud_requests_total{operation="reinstall",outcome="refused"}': "_x25 1x100",
      [coded("reinstall", "Ecs.0314")]: "_x25 1x100",
    };
    const four = {
      'cloud_requests_total{operation="reinstall",outcome="refused"}': "_x25 1 2 3 4x100",
      [coded("reinstall", "Ecs.0314")]: "_x25 1 2 3 4x100",
    };
    // 5 of 31 a minute.
    const few = { [looks("error")]: "0+5x400", [coded("look", "Ecs.0615")]: "0+5x400" };
    await promtoolAgrees([
      firing("one", "40m", { ...HEALTHY, ...one }, alert, []),
      firing("four", "40m", { ...HEALTHY, ...four }, alert, []),
      firing("few", "40m", { ...HEALTHY, ...few }, alert, []),
    ]);
  });

  it("are over half an hour after the last", async () => {
    const series = {
      ...HEALTHY,
      'cloud_requests_total{operation="reinstall",outcome="refused"}': "_x25 1 2 3 4 5x100",
      [coded("reinstall", "Ecs.0314")]: "_x25 1 2 3 4 5x100",
    };
    await promtoolAgrees([
      firing("soon", "50m", series, alert, [{ operation: "reinstall", code: "Ecs.0314" }]),
      firing("later", "65m", series, alert, []),
    ]);
  });
});
