import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { BrokerSession } from "../../../src/cli/broker-session.ts";
import type { CliIo } from "../../../src/cli/io.ts";
import { createLiveLine, terminalOf } from "../../../src/cli/live-line.ts";
import { runCli } from "../../../src/cli/program.ts";
import type { ProgressEvent } from "../../../src/contract/event.ts";
import type { EndingSignal } from "../../../src/process/exit-codes.ts";

const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const SEND = [
  "send",
  "--server",
  SERVER,
  "--userid",
  "u",
  "--keyname",
  "k",
  "--id",
  "c-1",
  "--wait",
];
const BEGAN = Date.parse("2026-11-23T15:00:00.000Z");

beforeEach(() => {
  vi.useFakeTimers({ now: BEGAN });
});
afterEach(() => {
  vi.useRealTimers();
});

/** What a person sees on a terminal: what was written over is gone. */
function screen(written: string): readonly string[] {
  return written.split("\n").map((line) => line.split("\r\u001B[2K").at(-1) ?? "");
}

/** `send --wait` on a terminal, step by step. */
async function following(columns = 120, args: readonly string[] = SEND) {
  let written = "";
  let tell: (event: ProgressEvent) => void = () => undefined;
  let interrupt: (signal: EndingSignal) => void = () => undefined;
  const write = (text: string) => {
    written += text;
  };
  const session: BrokerSession = {
    lost: new Promise<never>(() => undefined),
    listen: () => Promise.reject(new Error("nobody listens here")),
    holdDead: () => Promise.reject(new Error("nobody looks there")),
    follow: async (_server, onEvent) => {
      tell = onEvent;
      return "replies";
    },
    publish: async () => undefined,
    close: async () => undefined,
  };
  const io: CliIo = {
    env: {},
    program: "ecs-reinstall",
    out: write,
    err: write,
    terminal: terminalOf({ isTTY: true, columns, write }, "xterm"),
    openBroker: async () => session,
    openStore: () => Promise.reject(new Error("no store here")),
    fetch: () => Promise.reject(new Error("no web here")),
    onSignal: (listener) => {
      interrupt = listener;
      return () => undefined;
    },
  };
  const ended = runCli(args, io);
  await vi.advanceTimersByTimeAsync(0);
  return {
    ended,
    tell: (name: ProgressEvent["data"]["event"], data: object = {}) => tell(event(name, data)),
    interrupt: () => interrupt("SIGINT"),
    passes: (ms: number) => vi.advanceTimersByTimeAsync(ms),
    seen: () => screen(written),
    written: () => written,
  };
}

let count = 0;

function event(name: ProgressEvent["data"]["event"], data: object): ProgressEvent {
  count += 1;
  return {
    specversion: "1.0",
    id: `c-1/${count}`,
    source: "/ecs-reinstall-worker/eu-west-0/p",
    type: `ecs.reinstall.${name}.v1`,
    time: "2026-11-23T15:00:00.000Z",
    datacontenttype: "application/json",
    data: {
      command_id: "c-1",
      project_id: null,
      server_id: null,
      event: name,
      sequence: count,
      ...data,
    },
  };
}

describe("send --wait on a terminal", () => {
  it("is one line that ticks, and the final event in its place", async () => {
    const on = await following();
    expect(on.seen()).toEqual(["c-1  0 s  queued"]);
    await on.passes(3_000);
    expect(on.seen()).toEqual(["c-1  3 s  queued"]);
    on.tell("accepted");
    await on.passes(2_000);
    expect(on.seen()).toEqual(["c-1  5 s  accepted for 2 s"]);
    on.tell("succeeded", { job_id: "job-1" });
    expect(await on.ended).toBe(0);
    expect(on.seen()).toEqual(["2026-11-23T15:00:00.000Z succeeded job_id=job-1", ""]);
    const written = on.written();
    await on.passes(10_000);
    expect(on.written()).toBe(written);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each<[string, ProgressEvent["data"]["event"], object, string]>([
    [
      "what it waits for, who has it, and until when",
      "waiting",
      { waits_for: "cooldown", holder: "heal-0", until: "2026-11-23T15:02:05.000Z" },
      "waits for cooldown (heal-0), until 2026-11-23T15:02:05.000Z (in 2 min 00 s)",
    ],
    [
      "when it expires, where nobody knows until when it waits",
      "waiting",
      { waits_for: "cap", expires_at: "2026-11-23T16:02:05.000Z" },
      "waits for cap, 2026-11-23T16:02:05.000Z at the latest (in 1 h 02 min)",
    ],
    [
      "that it is due",
      "waiting",
      { waits_for: "windows", until: "2026-11-23T15:00:01.000Z" },
      "waits for windows, until 2026-11-23T15:00:01.000Z (now)",
    ],
    [
      "the job, its parts, and for how long it runs",
      "progress",
      { job_status: "RUNNING", elapsed_seconds: 60, sub_jobs_total: 4, sub_jobs_done: 1 },
      "job RUNNING for 1 min 05 s, 1 of 4 parts (25 %)",
    ],
    [
      "a job without parts",
      "progress",
      { job_status: "INIT", elapsed_seconds: 1, sub_jobs_total: 0, sub_jobs_done: 0 },
      "job INIT for 6 s",
    ],
    ["a job that has begun", "submitted", { job_id: "j" }, "submitted, its job runs for 5 s"],
    ["whom it has joined", "joined", { leader: "heal-0" }, "joined heal-0, which does the same"],
    ["any other state", "stopping", {}, "stopping for 5 s"],
  ])("says %s", async (_, name, data, words) => {
    const on = await following();
    on.tell(name, data);
    await on.passes(5_000);
    expect(on.seen()).toEqual([`c-1  5 s  ${words}`]);
    on.tell("cancelled");
    expect(await on.ended).toBe(1);
  });

  it("never wraps, and lets no control character through", async () => {
    const on = await following(30);
    on.tell("joined", { leader: `\u001B[31m${"x".repeat(50)}` });
    expect(on.seen()).toEqual([expect.stringMatching(/^c-1 {2}0 s {2}joined \?\[31mx+$/)]);
    expect(on.seen()[0]).toHaveLength(29);
    on.tell("planned");
    await on.ended;
  });

  it("leaves a clean line to whoever interrupts it, or when its time is over", async () => {
    const on = await following();
    on.interrupt();
    expect(await on.ended).toBe(130);
    expect(on.seen()[0]).toContain("interrupted: the command goes on");
    const late = await following(120, [...SEND, "--timeout", "2"]);
    await late.passes(2_000);
    expect(await late.ended).toBe(1);
    expect(late.seen()[0]).toContain("error: no end within 2 s");
  });

  it("prints each event as JSON all the same where that is asked for", async () => {
    const on = await following(120, [...SEND, "--json"]);
    on.tell("accepted");
    on.tell("succeeded");
    expect(await on.ended).toBe(0);
    const names = on
      .written()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).data.event);
    expect(names).toEqual(["accepted", "succeeded"]);
  });
});

describe("standard output", () => {
  const write = () => undefined;
  it.each([
    ["a pipe", { write }, "xterm"],
    ["a file", { isTTY: false, write }, "xterm"],
    ["a terminal that cannot write over a line", { isTTY: true, write }, "dumb"],
  ])("is no terminal: %s", (_, stream, term) => {
    expect(terminalOf(stream, term)).toBeUndefined();
  });

  it("is as wide as the terminal says, now", () => {
    const stream = { isTTY: true, columns: 80, write };
    const terminal = terminalOf(stream, undefined);
    stream.columns = 40;
    expect(terminal?.columns()).toBe(40);
    stream.columns = 0;
    expect(terminal?.columns()).toBe(80);
  });
});

it("is sent, and then queued", () => {
  const written: string[] = [];
  const line = createLiveLine(
    { columns: () => 80, write: (text) => void written.push(text) },
    "c-1",
  );
  expect(written.at(-1)).toContain("c-1  0 s  being sent");
  line.sent();
  expect(written.at(-1)).toContain("c-1  0 s  queued");
  line.end();
});
