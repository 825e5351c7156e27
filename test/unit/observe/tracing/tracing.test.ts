import { InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace";
import { beforeEach, describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../../../src/contract/event.ts";
import type { Order } from "../../../../src/core/state/order.ts";
import type { TracedDelivery } from "../../../../src/observe/tracing/tracing-delivery.ts";
import { createRecorder } from "../../../../src/observe/tracing/tracing-opentelemetry.ts";
import type { TracedPublication } from "../../../../src/observe/tracing/tracing-publication.ts";
import type { TracingSettings } from "../../../../src/observe/tracing/tracing-settings.ts";
import type { SpanRecorder } from "../../../../src/observe/tracing/tracing-tracer.ts";
import {
  createExportWatch,
  createTracing,
  type Tracing,
} from "../../../../src/observe/tracing/tracing.ts";
import { watchedStore } from "../../../../src/observe/watched-store.ts";
import type { CloudApi } from "../../../../src/steps/ports/cloud-api.ts";
import type { Journal } from "../../../../src/steps/ports/journal.ts";
import type { Outgoing } from "../../../../src/steps/ports/outlet.ts";
import type { ReinstallStore } from "../../../../src/steps/ports/reinstall-store.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const TRACEPARENT = `00-${TRACE}-${SPAN}-01`;
const SECRET = "IyEvYmluL2Jhc2gK-planted";
const STEP_TYPE = "ecs.reinstall.step.v1";
const SIGNAL = new AbortController().signal;
const SETTINGS: TracingSettings = {
  endpoint: "http://127.0.0.1:9",
  headers: {},
  serviceName: "test",
  resourceAttributes: { "deployment.environment.name": "lab" },
  sampleRatio: 1,
  version: "1.2.3",
};
const ENDPOINTS = { ecsEndpoint: "https://ecs.example", iamEndpoint: "https://iam.example:8443" };

let memory: InMemorySpanExporter;
let tracing: Tracing;

beforeEach(() => {
  memory = new InMemorySpanExporter();
  tracing = tracingWith(createRecorder(SETTINGS, new SimpleSpanProcessor({ exporter: memory })));
});

function tracingWith(recorder: SpanRecorder): Tracing {
  const made = createTracing(SETTINGS, {
    stepType: STEP_TYPE,
    endpoints: ENDPOINTS,
    onProblem: () => {},
    recorder,
  });
  if (made === null) throw new Error("no tracing");
  return made;
}

function spans() {
  return memory.getFinishedSpans();
}

function span(name: string) {
  const found = spans().find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no span ${name}`);
  return found;
}

const COMMAND = {
  command_id: "heal-1",
  project_id: "0123456789abcdef0123456789abcdef",
  server_id: "4f4b3dfa-eb70-47cf-a60a-998a53bd598a",
  "os-reinstall": { keyname: "k", userid: "u", metadata: { user_data: SECRET } },
};
const ORDER = {
  commandId: COMMAND.command_id,
  projectId: COMMAND.project_id,
  serverId: COMMAND.server_id,
  trace: { traceparent: TRACEPARENT },
};

function delivery(body: unknown, more: Partial<TracedDelivery> = {}): TracedDelivery {
  const { traceparent, tracestate } = { ...more.headers };
  return {
    queue: "ecs.reinstall.commands",
    deliveryCount: 0,
    body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    contentType: "application/json",
    contentEncoding: undefined,
    messageId: undefined,
    type: undefined,
    timestampMs: undefined,
    replyTo: undefined,
    correlationId: undefined,
    headers: {},
    ...(typeof traceparent === "string" ? { traceparent } : {}),
    ...(typeof tracestate === "string" ? { tracestate } : {}),
    redelivered: false,
    ...more,
  };
}

function step(phase: string, more: Partial<TracedDelivery> = {}, order: object = ORDER) {
  const body = {
    v: 1,
    order,
    step: 3,
    state: { phase, tries: { attempt: 2, spent: 1 }, body: COMMAND["os-reinstall"] },
  };
  return delivery(body, { queue: "ecs.reinstall.work", type: STEP_TYPE, ...more });
}

/** Does something within the delivery of a step. */
async function inStep(work: () => Promise<unknown>): Promise<void> {
  await tracing.delivery(async () => {
    await work();
    return "ack";
  })(step("submit"));
}

describe("a delivery", () => {
  it("of a command is a child of the emitter's span", async () => {
    const headers = { traceparent: TRACEPARENT, tracestate: "vendor=1" };
    const seen: unknown[] = [];
    const take = tracing.delivery(async (one: TracedDelivery) => {
      seen.push(one);
      return "ack";
    });
    const command = delivery(COMMAND, { headers, messageId: "m-1" });
    expect(await take(command)).toBe("ack");
    expect(seen).toEqual([command]);
    const made = span("process ecs.reinstall.commands");
    expect(made.spanContext().traceId).toBe(TRACE);
    expect(made.parentSpanContext?.spanId).toBe(SPAN);
    expect(made.spanContext().traceState?.serialize()).toBe("vendor=1");
    expect(made.attributes).toMatchObject({
      "messaging.system": "rabbitmq",
      "messaging.operation.type": "process",
      "messaging.destination.name": "ecs.reinstall.commands",
      "messaging.message.id": "m-1",
      "ecs.command_id": "heal-1",
      "ecs.server_id": COMMAND.server_id,
      "ecs.phase": "admit",
      "ecs.disposition": "ack",
    });
    expect(made.resource.attributes).toMatchObject({
      "service.name": "test",
      "service.version": "1.2.3",
      "deployment.environment.name": "lab",
    });
  });

  it("of a command without a trace begins one, which the worker takes for the emitter's", async () => {
    const seen: TracedDelivery[] = [];
    const take = tracing.delivery(async (one: TracedDelivery) => {
      seen.push(one);
      return "ack";
    });
    await take(delivery(COMMAND, { headers: { other: 1, traceparent: "garbage" } }));
    const { traceId, spanId } = span("process ecs.reinstall.commands").spanContext();
    const ours = `00-${traceId}-${spanId}-01`;
    expect(seen[0]?.headers).toEqual({ other: 1, traceparent: ours });
    expect(seen[0]?.traceparent).toBe(ours);
    expect(span("process ecs.reinstall.commands").parentSpanContext).toBeUndefined();
  });

  it("of the same command again is in the same trace, even when the first was never told", async () => {
    const take = tracing.delivery(async () => "ack");
    await take(delivery(COMMAND));
    await take(delivery({ ...COMMAND, reason: "again" }, { redelivered: true }));
    await take(delivery({ specversion: "1.0", id: "heal-1", data: { server_id: "x" } }));
    await take(delivery({ ...COMMAND, command_id: "heal-2" }));
    const traces = spans().map((one) => one.spanContext().traceId);
    expect(traces[1]).toBe(traces[0]);
    expect(traces[2]).toBe(traces[0]);
    expect(traces[3]).not.toBe(traces[0]);
  });

  it.each(["", "not json", "[]", "null", '"text"', `{"command_id":{"a":1}}`, "\u0000"])(
    "of rubbish (%j) has a span and reaches the worker",
    async (body) => {
      expect(await tracing.delivery(async () => "ack")(delivery(body))).toBe("ack");
      expect(await tracing.delivery(async () => "ack")(delivery(body, { type: STEP_TYPE }))).toBe(
        "ack",
      );
      expect(spans()).toHaveLength(2);
    },
  );

  it("of a step is a child of the emitter's span and points back to the step before", async () => {
    const before = { traceparent: `00-${TRACE}-1111111111111111-01` };
    await tracing.delivery(async () => "requeue")(
      step("watch", { headers: before, redelivered: true }),
    );
    const made = span("process ecs.reinstall.work");
    expect(made.parentSpanContext?.spanId).toBe(SPAN);
    expect(made.links.map(({ context }) => context.spanId)).toEqual(["1111111111111111"]);
    expect(made.attributes).toMatchObject({
      "ecs.command_id": "heal-1",
      "ecs.phase": "watch",
      "ecs.step": 3,
      "ecs.attempt": 2,
      "ecs.redelivered": true,
      "ecs.disposition": "requeue",
    });
  });

  it("is left out when the emitter chose so, and so is all that follows", async () => {
    const order = { ...ORDER, trace: { traceparent: `00-${TRACE}-${SPAN}-00` } };
    const sent: unknown[] = [];
    await tracing.delivery(async () => {
      await tracing.publication(stepMessage(order), PUBLICATION, async (one: TracedPublication) => {
        sent.push(one.properties.headers);
        return "confirmed";
      });
      return "ack";
    })(step("watch", {}, order));
    expect(spans()).toEqual([]);
    expect(sent).toEqual([
      { traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-.*-00$`)) },
    ]);
  });

  it("that throws says the kind of error, not its message, and throws on", async () => {
    const take = tracing.delivery(async () => {
      throw new TypeError(`cannot read ${SECRET}`);
    });
    await expect(take(step("submit"))).rejects.toThrow("cannot read");
    const made = span("process ecs.reinstall.work");
    expect(made.status).toEqual({ code: 2 });
    expect(made.attributes["error.type"]).toBe("TypeError");
    expect(made.events).toEqual([]);
  });

  it("never tells what a command carries", async () => {
    const take = tracing.delivery(async () => "ack");
    await take(delivery(COMMAND));
    await take(step("submit"));
    const told = spans().map(({ name, attributes, links, events }) => [
      name,
      attributes,
      links,
      events,
    ]);
    expect(JSON.stringify(told)).not.toContain(SECRET);
  });
});

const PUBLICATION = {
  exchange: "",
  routingKey: "ecs.reinstall.delay.100",
  body: Buffer.from(SECRET),
  properties: { messageId: "heal-1/step/4" },
};

function stepMessage(order: object): Outgoing {
  const envelope = { order, step: 4, state: { phase: "watch" } };
  return { kind: "step", envelope, delayMs: 100 } as unknown as Outgoing;
}

describe("a publication", () => {
  it("of a step carries its span to the next delivery", async () => {
    const sent: TracedPublication[] = [];
    await inStep(() =>
      tracing.publication(stepMessage(ORDER), PUBLICATION, async (one) => {
        sent.push(one);
        return "confirmed";
      }),
    );
    const made = span("send ecs.reinstall.delay.100");
    expect(made.parentSpanContext?.spanId).toBe(
      span("process ecs.reinstall.work").spanContext().spanId,
    );
    expect(sent[0]?.properties.headers).toEqual({
      traceparent: `00-${TRACE}-${made.spanContext().spanId}-01`,
    });
    expect(sent[0]?.properties.messageId).toBe("heal-1/step/4");
    expect(made.kind).toBe(3);
    expect(made.attributes).toMatchObject({
      "messaging.operation.type": "send",
      "messaging.destination.name": "ecs.reinstall.delay.100",
      "messaging.message.id": "heal-1/step/4",
      "ecs.message": "step",
      "ecs.delay_ms": 100,
      "ecs.publish.outcome": "confirmed",
    });
  });

  it("of an event or a raw command leaves as it is", async () => {
    const sent: unknown[] = [];
    const send = async (one: typeof PUBLICATION) => {
      sent.push(one);
      return "unconfirmed";
    };
    const event = {
      kind: "event",
      event: { traceparent: TRACEPARENT, data: { event: "accepted" } },
    } as unknown as Outgoing;
    await inStep(async () => {
      await tracing.publication(event, { ...PUBLICATION, exchange: "ecs.reinstall.events" }, send);
      await tracing.publication({ kind: "arrival" }, PUBLICATION, send);
    });
    expect(sent).toEqual([{ ...PUBLICATION, exchange: "ecs.reinstall.events" }, PUBLICATION]);
    expect(span("send ecs.reinstall.events")).toMatchObject({
      status: { code: 2 },
      attributes: { "ecs.event": "accepted", "error.type": "unconfirmed" },
    });
  });

  it("outside of a delivery belongs to its command all the same", async () => {
    await tracing.publication(stepMessage(ORDER), PUBLICATION, async () => "confirmed");
    expect(span("send ecs.reinstall.delay.100").parentSpanContext?.spanId).toBe(SPAN);
    memory.reset();
    const { trace: _none, ...order } = ORDER;
    await tracing.publication(stepMessage(order), PUBLICATION, async () => "confirmed");
    expect(spans()).toEqual([]);
  });
});

describe("the ports", () => {
  const store = {
    save: async () => ({ kind: "fenced" }),
    admit: async () => ({ kind: "away", message: `no answer of ${SECRET}` }),
    takeAttempt: async () => ({ kind: "taken", attempt: 7 }),
    claim: async () => ({ kind: "claimed", takenOver: true, restored: "absent" }),
    published: async () => undefined,
  } as unknown as ReinstallStore;

  it("of the store have a span for each script, with the kind of its answer", async () => {
    const traced = watchedStore(store, [tracing.store]);
    const any = {} as never;
    await inStep(async () => {
      expect(await traced.claim(any, any)).toEqual(await store.claim(any, any));
      expect(await traced.takeAttempt(any, any, any)).toEqual({ kind: "taken", attempt: 7 });
      expect(await traced.save(any)).toEqual({ kind: "fenced" });
      expect(await traced.admit(any, any)).toMatchObject({ kind: "away" });
      await traced.published(any, any, 1);
    });
    expect(span("redis save").attributes).toEqual({
      "db.system.name": "redis",
      "db.operation.name": "save",
      "ecs.store.answer": "fenced",
    });
    expect(span("redis admit").attributes["error.type"]).toBe("away");
    expect(span("process ecs.reinstall.work").attributes).toMatchObject({
      "ecs.attempt": 7,
      "ecs.taken_over": true,
      "ecs.restored": "absent",
    });
    expect(JSON.stringify(spans().map((one) => one.attributes))).not.toContain(SECRET);
  });

  it("answer the same outside of a delivery, without a span", async () => {
    expect(await watchedStore(store, [tracing.store]).save({} as never)).toEqual({
      kind: "fenced",
    });
    expect(spans()).toEqual([]);
  });

  it("of the cloud have a span for each call and each request", async () => {
    const cloud = {
      look: async () => {
        tracing.cloudRequest({
          operation: "look",
          outcome: "throttled",
          httpStatus: 429,
          cloudCode: "Ecs.0100",
          seconds: 0.5,
        });
        return {
          kind: "unreadable",
          waitsFor: "throttled",
          cloudCode: "Ecs.0100",
          message: `slow down, ${SECRET}`,
          retryAfterMs: null,
        };
      },
      start: async () => {
        const answer = { httpStatus: 200, cloudCode: null, seconds: 0.1 } as const;
        tracing.cloudRequest({ operation: "start", outcome: "ok", ...answer });
        return { kind: "accepted", jobId: "s" };
      },
      sign: async () => ({
        kind: "signed",
        request: { signedAtMs: 5, send: async () => ({ kind: "accepted", jobId: "j" }) },
      }),
    } as unknown as CloudApi;
    const any = {} as never;
    const traced = tracing.cloud(cloud);
    expect("image" in traced).toBe(false);
    await inStep(async () => {
      expect(await traced.look(any, any, SIGNAL)).toMatchObject({ kind: "unreadable" });
      expect(await traced.start(any, any, any)).toEqual({ kind: "accepted", jobId: "s" });
      const signing = await traced.sign(any, any, any, SIGNAL);
      if (signing.kind !== "signed") throw new Error("not signed");
      expect(signing.request.signedAtMs).toBe(5);
      expect(await signing.request.send(SIGNAL)).toEqual({ kind: "accepted", jobId: "j" });
    });
    const call = span("cloud look");
    expect(call.attributes).toMatchObject({
      "ecs.cloud.answer": "unreadable",
      "ecs.cloud.code": "Ecs.0100",
      "ecs.waits_for": "throttled",
    });
    const request = span("GET look");
    expect(request.kind).toBe(2);
    expect(request.parentSpanContext?.spanId).toBe(call.spanContext().spanId);
    expect(request.attributes).toEqual({
      "http.request.method": "GET",
      "http.response.status_code": 429,
      "server.address": "ecs.example",
      "server.port": 443,
      "ecs.cloud.operation": "look",
      "ecs.cloud.outcome": "throttled",
      "ecs.cloud.code": "Ecs.0100",
      "error.type": "429",
    });
    const [seconds, nanos] = request.duration;
    expect(seconds * 1_000 + nanos / 1e6).toBeGreaterThanOrEqual(490);
    expect(span("cloud start").attributes).toMatchObject({ "ecs.job_id": "s" });
    expect(span("POST start").attributes).toMatchObject({ "server.address": "ecs.example" });
    expect(span("cloud reinstall").attributes).toEqual({
      "ecs.cloud.answer": "accepted",
      "ecs.job_id": "j",
    });
    expect(JSON.stringify(spans().map((one) => one.attributes))).not.toContain(SECRET);
  });

  it("of the journal tell the delivery's span how it ended, and the diary as before", async () => {
    const said: string[] = [];
    const journal = tracing.journal({
      moved: () => said.push("moved"),
      ended: () => said.push("ended"),
      dropped: () => said.push("dropped"),
      deferred: () => said.push("deferred"),
      trouble: () => said.push("trouble"),
    } as unknown as Journal);
    const event = { data: { event: "accepted", command_id: "heal-1" } } as unknown as ProgressEvent;
    await inStep(async () => journal.moved(ORDER as unknown as Order, "submit", "watch", [event]));
    await inStep(async () => journal.ended("watch", { event, reply: null, dead: null }, null));
    await inStep(async () => journal.dropped("heal-1", "watch", "stale"));
    await inStep(async () => journal.deferred("heal-1", "watch", "store-away", 100));
    journal.dropped("heal-1", "watch", "outside");
    journal.trouble("x", {});
    expect(said).toEqual(["moved", "ended", "dropped", "deferred", "dropped", "trouble"]);
    expect(spans().map(({ attributes }) => attributes["ecs.outcome"])).toEqual([
      "moved",
      "accepted",
      "dropped",
      "deferred",
    ]);
    expect(spans()[0]?.attributes).toMatchObject({
      "ecs.next_phase": "watch",
      "ecs.events": ["accepted"],
    });
  });
});

describe("sampling", () => {
  it("leaves out traces that begin here, by the ratio, and says so to whoever carries them on", async () => {
    const none = { ...SETTINGS, sampleRatio: 0 };
    tracing = tracingWith(createRecorder(none, new SimpleSpanProcessor({ exporter: memory })));
    const seen: TracedDelivery[] = [];
    const take = tracing.delivery(async (one: TracedDelivery) => {
      seen.push(one);
      return "ack";
    });
    await take(delivery(COMMAND));
    expect(spans()).toEqual([]);
    expect(seen[0]?.headers["traceparent"]).toMatch(/-00$/);
    await take(delivery(COMMAND, { headers: { traceparent: TRACEPARENT } }));
    expect(spans()).toHaveLength(1);
  });
});

describe("a collector that fails", () => {
  it("is told of at once, then every minute with the sum, then when it is back", () => {
    const told: unknown[] = [];
    let nowMs = 0;
    const watch = createExportWatch(
      (message, fields) => told.push([message, fields]),
      () => nowMs,
    );
    const lose = () => watch({ kind: "lost", spans: 10, detail: "ECONNREFUSED" });
    lose();
    lose();
    nowMs = 59_999;
    lose();
    nowMs = 60_000;
    lose();
    watch({ kind: "exported", spans: 1 });
    watch({ kind: "exported", spans: 1 });
    expect(told).toEqual([
      ["traces cannot be exported", { lost: 10, detail: "ECONNREFUSED" }],
      ["traces cannot be exported", { lost: 40, detail: "ECONNREFUSED" }],
      ["traces are exported again", { lost: 40 }],
    ]);
  });

  it("does not hold the end up", async () => {
    const hanging: SpanRecorder = {
      begin: () => {
        throw new Error("nothing begins");
      },
      shutdown: () => new Promise(() => {}),
    };
    const startedMs = performance.now();
    await tracingWith(hanging).stop();
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await tracingWith({ ...hanging, shutdown: () => Promise.reject(new Error("away")) }).stop();
  });
});
