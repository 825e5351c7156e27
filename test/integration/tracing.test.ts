import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY } from "../../src/simulator/defaults.ts";
import { type CollectedSpan, type Collector, startCollector } from "../support/collector.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

const COLLECTOR_KEY = "planted-collector-key";
const USER_DATA = Buffer.from("#!/bin/sh\necho planted-user-data\n").toString("base64");

let stage: SharedStage;
let collector: Collector | undefined;

beforeAll(async () => {
  stage = await openOnSharedServices({
    // Long enough for a worker to export what it did before it dies.
    simulator: { stopDurationMs: 2_500 },
  });
});

afterEach(async () => {
  await Promise.all(stage.workers.map((worker) => worker.kill()));
  await collector?.close();
});

afterAll(() => stage?.close());

function tracingTo({ url }: Collector): Record<string, string> {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${COLLECTOR_KEY}`,
    OTEL_SERVICE_NAME: "reinstaller",
  };
}

function outcomesOf(spans: readonly CollectedSpan[]): unknown[] {
  return spans.map(({ attributes }) => attributes["ecs.outcome"]);
}

it("tells one command in the emitter's trace: through a stop, a killed worker and a redelivery to the final event", async () => {
  collector = await startCollector();
  const env = tracingTo(collector);
  const first = await stage.addWorker([{ label: "submit:attempt-claimed", action: "kill" }], env);
  const server = stage.simulator.addServer({ state: "ACTIVE" });
  const id = commandId("traced");
  const traceId = randomBytes(16).toString("hex");
  const spanId = randomBytes(8).toString("hex");
  const traceparent = `00-${traceId}-${spanId}-01`;
  const command = stage.command(id, server.id, {
    "os-reinstall": {
      keyname: "KeyPair-350b",
      userid: "7e25b1da389f4697a79df3a0e5bd494e",
      metadata: { user_data: USER_DATA },
    },
  });
  await stage.emitter.send(command, { headers: { traceparent, tracestate: "vendor=1" } });
  await first.ended();
  const second = await stage.addWorker([], env);
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  await second.stop();

  const spans = collector.spans();
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
  const { pid: lastPid } = second;
  const last = spans.filter(({ resource }) => resource["process.pid"] === lastPid);
  expect(spans.length).toBeGreaterThan(last.length);

  const deliveries = spans.filter(({ kind }) => kind === 5);
  for (const delivery of deliveries) {
    expect(delivery.parentSpanId).toBe(spanId);
    expect(delivery.name).toMatch(/^process ecs\.reinstall\.(commands|work)$/);
    expect(delivery.attributes).toMatchObject({
      "messaging.system": "rabbitmq",
      "messaging.operation.type": "process",
      "ecs.command_id": id,
      "ecs.server_id": server.id,
    });
    expect(delivery.resource["service.name"]).toBe("reinstaller");
  }
  const phases = new Set(deliveries.map(({ attributes }) => attributes["ecs.phase"]));
  expect(phases).toEqual(new Set(["admit", "prepare", "submit", "watch"]));
  expect(outcomesOf(deliveries)).toContain("succeeded");

  // The step that the first worker died in, taken over by the second with an attempt of its own.
  const taken = last.find(({ attributes }) => attributes["ecs.taken_over"] === true);
  expect(taken?.attributes).toMatchObject({
    "ecs.phase": "submit",
    "ecs.redelivered": true,
    "ecs.attempt": 2,
    "ecs.disposition": "ack",
  });

  // The second worker exported everything: whatever is no delivery has its parent there.
  const known = new Set(last.map((span) => span.spanId));
  for (const span of last.filter(({ kind }) => kind !== 5)) {
    expect(known, span.name).toContain(span.parentSpanId);
  }
  const sends = new Set(last.filter(({ kind }) => kind === 4).map((span) => span.spanId));
  const linked = last.flatMap(({ links }) => links).filter((link) => sends.has(link.spanId));
  expect(linked.length).toBeGreaterThan(0);

  const posts = spans.filter(({ name }) => name === "POST reinstall");
  expect(posts.map(({ kind, attributes }) => [kind, attributes])).toEqual([
    [
      3,
      expect.objectContaining({
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "server.address": new URL(stage.simulator.url).hostname,
        "server.port": Number(new URL(stage.simulator.url).port),
        "ecs.cloud.outcome": "ok",
      }),
    ],
  ]);
  const names = new Set(last.map(({ name }) => name));
  expect([...names]).toEqual(
    expect.arrayContaining([
      "redis claim",
      "redis intent",
      "cloud look",
      "cloud sign",
      "redis finish",
    ]),
  );

  for (const { event } of stage.emitter.heard(id)) {
    expect(event).toMatchObject({ traceparent, tracestate: "vendor=1" });
  }
  expect(collector.headers()[0]?.authorization).toBe(`Bearer ${COLLECTOR_KEY}`);
  for (const secret of [
    USER_DATA,
    "planted-user-data",
    COLLECTOR_KEY,
    DEFAULT_SECRET_KEY,
    DEFAULT_ACCESS_KEY,
    new URL(stage.services.rabbitMq.url).password,
  ]) {
    if (secret.length >= 8) expect(collector.text()).not.toContain(secret);
  }
  for (const worker of [first, second]) expect(worker.output()).not.toContain(COLLECTOR_KEY);
  await stage.audit([id]);
});

it("begins a trace for an emitter that has none, and its events carry it", async () => {
  collector = await startCollector();
  const worker = await stage.addWorker([], tracingTo(collector));
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("untraced");
  await stage.emitter.send(stage.command(id, server.id));
  await stage.emitter.outcome(id);
  await worker.stop();
  const spans = collector.spans();
  const [traceId, ...others] = new Set(spans.map((span) => span.traceId));
  expect(others).toEqual([]);
  const root = spans.filter(({ parentSpanId }) => parentSpanId === "");
  expect(root.map(({ attributes }) => attributes["ecs.phase"])).toEqual(["admit"]);
  expect(outcomesOf(spans)).toContain("succeeded");
  for (const { event } of stage.emitter.heard(id)) {
    expect(event.traceparent).toBe(`00-${traceId}-${root[0]?.spanId}-01`);
  }
});

it("works and ends as ever when the collector never answers", async () => {
  collector = await startCollector("hangs");
  const worker = await stage.addWorker([], tracingTo(collector));
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("hanging");
  await stage.emitter.send(stage.command(id, server.id));
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  const startedMs = performance.now();
  expect(await worker.stop()).toContain("0");
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});

it("says once that the collector refuses what it gets, and works as ever", async () => {
  collector = await startCollector("refuses");
  const worker = await stage.addWorker([], tracingTo(collector));
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("refused");
  await stage.emitter.send(stage.command(id, server.id));
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  const said = () => worker.log().filter(({ msg }) => msg === "traces cannot be exported");
  await eventually(() => (collector?.headers().length ?? 0) >= 2);
  await eventually(() => said().length > 0);
  await worker.stop();
  expect(said()).toEqual([expect.objectContaining({ level: "warn", detail: "400" })]);
});
