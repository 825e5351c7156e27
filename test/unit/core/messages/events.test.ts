import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EventName, ProgressEvent } from "../../../../src/contract/event.ts";
import { CommandId } from "../../../../src/contract/ids.ts";
import {
  failed,
  rejected,
  type Subject,
  toMisuseAnswer,
  toProgressEvent,
} from "../../../../src/core/messages/events.ts";
import { COMMAND, JOB, NOW, PROJECT, SERVER } from "../builders.ts";

const SUBJECT: Subject = { commandId: COMMAND, projectId: PROJECT, serverId: SERVER };
const DRAFT = { event: "waiting", data: { waits_for: "pause" } } as const;

describe("an event", () => {
  it("is a CloudEvent about a server", () => {
    const about = { ...SUBJECT, source: "healer", reason: "panic" };
    expect(toProgressEvent("eu-west-0", about, { sequence: 3, atMs: NOW }, DRAFT)).toEqual({
      specversion: "1.0",
      id: "heal-web-01/3",
      source: `/ecs-reinstall-worker/eu-west-0/${PROJECT}`,
      type: "ecs.reinstall.waiting.v1",
      subject: SERVER,
      time: "2026-11-23T15:00:00.000Z",
      datacontenttype: "application/json",
      data: {
        command_id: COMMAND,
        project_id: PROJECT,
        server_id: SERVER,
        event: "waiting",
        sequence: 3,
        source: "healer",
        reason: "panic",
        waits_for: "pause",
      },
    });
  });

  it("passes the trace on, and nothing of the address", () => {
    const about: Subject = {
      ...SUBJECT,
      trace: { traceparent: "00-aa-bb-01", tracestate: "k=v" },
      replyTo: { queue: "answers" },
    };
    const event = toProgressEvent("eu-west-0", about, { sequence: 1, atMs: NOW }, DRAFT);
    expect(event).toMatchObject({ traceparent: "00-aa-bb-01", tracestate: "k=v" });
    expect(JSON.stringify(event)).not.toContain("answers");
    const untold = toProgressEvent("eu-west-0", SUBJECT, { sequence: 1, atMs: NOW }, DRAFT);
    expect(untold).not.toHaveProperty("traceparent");
    expect(untold).not.toHaveProperty("tracestate");
  });

  it("has no subject where the server is not known", () => {
    const about = { ...SUBJECT, projectId: null, serverId: null };
    const event = toProgressEvent("eu-west-0", about, { sequence: 1, atMs: NOW }, DRAFT);
    expect(event).not.toHaveProperty("subject");
    expect(event.source).toBe("/ecs-reinstall-worker/eu-west-0/-");
    expect(event.data).toMatchObject({ project_id: null, server_id: null });
  });

  const anyId = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/).map((id) => CommandId.parse(id));
  const anyEvent = fc.record({
    commandId: anyId,
    sequence: fc.integer({ min: 1, max: 1_000_000 }),
    event: fc.constantFrom(...EventName.options),
  });
  const make = ({ commandId, sequence, event }: Sample) =>
    toProgressEvent("r", { ...SUBJECT, commandId }, { sequence, atMs: NOW }, { event, data: {} });
  type Sample = typeof anyEvent extends fc.Arbitrary<infer T> ? T : never;

  it("has one id for one command and number, and another for any other", () => {
    fc.assert(
      fc.property(anyEvent, anyEvent, (a, b) => {
        const same = a.commandId === b.commandId && a.sequence === b.sequence;
        expect(make(a).id === make(b).id).toBe(same);
        expect(make({ ...a, event: b.event }).id).toBe(make(a).id);
      }),
    );
  });

  it("is what the contract says an event is", () => {
    fc.assert(
      fc.property(anyEvent, (sample) => {
        expect(ProgressEvent.parse(make(sample))).toEqual(make(sample));
      }),
    );
  });
});

describe("an answer to a misuse of an id", () => {
  const saying = fc.record({
    commandId: fc.stringMatching(/^[A-Za-z0-9._:-]{1,20}$/).map((id) => CommandId.parse(id)),
    message: fc.string({ maxLength: 5 }),
    atMs: fc.integer({ min: NOW, max: NOW + 5 }),
    contentHash: fc.constantFrom("h1", "h2"),
    reason: fc.option(fc.constantFrom("r1", "r2"), { nil: undefined }),
  });
  const make = ({ commandId, message, atMs, reason, contentHash }: Saying) => {
    const draft = { event: "duplicate", data: { message } } as const;
    const subject = { ...SUBJECT, commandId, reason };
    return toMisuseAnswer("r", subject, { draft, contentHash, atMs });
  };
  type Saying = typeof saying extends fc.Arbitrary<infer T> ? T : never;

  it("has an id of its own for all that it says, and never one of a command", () => {
    fc.assert(
      fc.property(saying, saying, (a, b) => {
        const [one, other] = [make(a), make(b)];
        const says = ({ contentHash: _hash, ...rest }: Saying) => JSON.stringify(rest);
        expect(one.id === other.id).toBe(a.contentHash === b.contentHash && says(a) === says(b));
        expect(CommandId.safeParse(one.data.command_id).success).toBe(false);
        expect(one.id).toBe(`${one.data.command_id}/${one.data.sequence}`);
        expect(one.data["reused_command_id"]).toBe(a.commandId);
        expect(ProgressEvent.parse(one)).toEqual(one);
      }),
    );
  });
});

describe("the drafts of outcomes", () => {
  it("say which rules were broken, and ask for a dead letter where one is due", () => {
    const problem = { path: "server_id", code: "missing", message: "is needed" };
    expect(rejected([problem])).toEqual({ event: "rejected", data: { problems: [problem] } });
    expect(rejected([problem], "why").deadReason).toBe("why");
  });

  it("say what failed, and the job where there was one", () => {
    const failure = {
      class: "c",
      cloudCode: null,
      message: "m",
      retryable: true,
      nextStep: "n",
    };
    const data = { class: "c", cloud_code: null, message: "m", retryable: true, next_step: "n" };
    expect(failed(failure)).toEqual({ event: "failed", data });
    expect(failed({ ...failure, jobId: JOB }).data).toEqual({ ...data, job_id: JOB });
  });
});
