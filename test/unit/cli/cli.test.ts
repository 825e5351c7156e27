import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BrokerSession } from "../../../src/cli/broker-session.ts";
import type { EndingSignal } from "../../../src/process/exit-codes.ts";
import { CliFailure } from "../../../src/cli/failure.ts";
import { runCli } from "../../../src/cli/program.ts";
import { sendFields } from "../../../src/cli/commands/send/fields.ts";
import { CommandBody } from "../../../src/contract/command.ts";
import type { ProgressEvent } from "../../../src/contract/event.ts";
import { MetadataFields, OsReinstallFields } from "../../../src/contract/os-reinstall.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const SEND = ["send", "--server", SERVER, "--userid", "u1", "--keyname", "k1", "--id", "c-1"];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

interface Sent {
  readonly id: string;
  readonly body: unknown;
  readonly replyTo: string | undefined;
  readonly correlationId?: string | undefined;
}

interface World {
  env?: Record<string, string>;
  /** Told as soon as the command is published. */
  events?: ProgressEvent[];
  publishFails?: Error;
  lost?: Promise<never>;
  fetch?: (url: string) => Promise<Response>;
  /** Comes when this place is reached, and what is asked for there is never answered. */
  interruptedAt?: "connect" | "publish" | "wait";
  signal?: "SIGINT" | "SIGTERM" | "SIGHUP";
}

/** One command line, with a broker and a web that only exist here. */
async function run(args: string[], world: World = {}) {
  const sent: Sent[] = [];
  const asked: string[] = [];
  let out = "";
  let err = "";
  let closed = 0;
  let told: (event: ProgressEvent) => void = () => undefined;
  const listeners = new Set<(signal: EndingSignal) => void>();
  const interrupts = (place: World["interruptedAt"]) => {
    if (world.interruptedAt !== place) return false;
    for (const listener of listeners) listener(world.signal ?? "SIGINT");
    return true;
  };
  const session: BrokerSession = {
    lost: world.lost ?? new Promise<never>(() => undefined),
    listen: () => Promise.reject(new Error("nobody listens here")),
    holdDead: () => Promise.reject(new Error("nobody looks there")),
    follow: (_server, onEvent) => {
      told = onEvent;
      return Promise.resolve("reply-queue");
    },
    publish: ({ id, body, replyTo, correlationId }) => {
      if (world.publishFails) return Promise.reject(world.publishFails);
      const command = { id, body: JSON.parse(body.toString()), replyTo };
      sent.push({ ...command, ...(correlationId === undefined ? {} : { correlationId }) });
      if (interrupts("publish")) return new Promise(() => undefined);
      setTimeout(() => interrupts("wait"), 1);
      queueMicrotask(() => world.events?.forEach(told));
      return Promise.resolve();
    },
    close: () => {
      closed += 1;
      return Promise.resolve();
    },
  };
  const code = await runCli(args, {
    env: world.env ?? {},
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    program: "ecs-reinstall",
    onSignal: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    openBroker: () =>
      interrupts("connect") ? new Promise(() => undefined) : Promise.resolve(session),
    openStore: () => Promise.reject(new Error("no store here")),
    fetch: (url) => {
      asked.push(url);
      return world.fetch?.(url) ?? Promise.reject(new Error("ECONNREFUSED"));
    },
  });
  return { code, out, err, sent, asked, closed, listening: listeners.size };
}

function event(name: ProgressEvent["data"]["event"], data: object = {}, id = "c-1"): ProgressEvent {
  const sequence = 1;
  return {
    specversion: "1.0",
    id: `${id}/${name}`,
    source: "/ecs-reinstall-worker/eu-west-0/p",
    type: `ecs.reinstall.${name}.v1`,
    time: "2026-11-23T14:20:00.000Z",
    datacontenttype: "application/json",
    data: { command_id: id, project_id: null, server_id: null, event: name, sequence, ...data },
  };
}

describe("the command line", () => {
  it("explains itself", async () => {
    const help = await run(["--help"]);
    expect(help.code).toBe(0);
    for (const name of ["worker", "simulate", "config", "send", "status", "server"]) {
      expect(help.out).toMatch(new RegExp(`^  ${name} `, "m"));
    }
    expect((await run(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it.each([
    [[], ""],
    [["sned"], "error: unknown command 'sned'"],
    [["send", "--sever", SERVER], "error: unknown option '--sever'"],
    [
      ["send", "--server", "web-01"],
      "'--server <id>' argument 'web-01' is invalid. It must be a UUID.",
    ],
    [
      ["send", "--project", "x"],
      "'--project <id>' argument 'x' is invalid. It must be 32 hex digits.",
    ],
    [["send", "--on-busy", "shout"], "Allowed choices are join, wait, reject."],
    [["send", "--user-data", "/nowhere"], "It cannot be read (ENOENT)."],
    [["send", "--timeout", "0"], "'--timeout <seconds>' argument '0' is invalid."],
    [["send"], "error: --server is missing\n"],
    [
      ["send", "--server", SERVER],
      "error: --keyname, --userid, --user-data must name at least one",
    ],
    [["send", "--server", SERVER, "--keyname", "k"], "error: --userid is needed with keyname"],
    [[...SEND, "--observed-at", "yesterday"], "error: --observed-at is no instant of RFC 3339"],
    [[...SEND, "--reason", "x".repeat(1001)], "error: --reason "],
    [["status"], "error: missing required argument 'command-id'"],
    [["status", "a b"], "must be 1-128 characters"],
    [["server", SERVER], "error: --project is missing, and ECS_PROJECTS names none"],
    [["server", SERVER, "--project", PROJECT, "--url", "ftp://x"], "error: --url must be"],
  ])("answers wrong usage %j with one line and exit 2", async (args, message) => {
    const { code, err, sent } = await run(args);
    expect([code, sent]).toEqual([2, []]);
    expect(err).toContain(message);
    if (args.length > 0) expect(err.trimEnd().split("\n").length).toBeLessThanOrEqual(2);
  });
});

describe("config check", () => {
  const env = { ECS_PROJECTS: PROJECT, ECS_ACCESS_KEY: "AKAKAK", ECS_SECRET_KEY: "SKSKSK" };

  it("prints the effective configuration without secrets", async () => {
    const { code, out } = await run(["config", "check"], {
      env: { ...env, AMQP_URL: "amqp://me:geheim@broker", HTTP_PORT: "9000" },
    });
    expect(code).toBe(0);
    expect(out).toMatch(/port: 9000/);
    expect(out).toMatch(/secretKey: '\*\*\*'/);
    expect(out).not.toMatch(/geheim|SKSKSK|AKAKAK/);
  });

  it("warns of windows that no command without an expiry lives to see, and is content", async () => {
    const { code, out, err } = await run(["config", "check"], {
      env: { ...env, BRAKES_WINDOWS: '[{"rule":"deny","zone":"Europe/Paris"}]' },
    });
    expect(code).toBe(0);
    expect(err).toMatch(/^Warning: BRAKES_WINDOWS \(brakes\.windows\): do not open within 35 days/);
    expect(out).toMatch(/zone: Europe\/Paris/);
  });

  it("prints all problems and exits 78", async () => {
    const { code, err } = await run(["config", "check"], {
      env: { ...env, PREFETCH: "0", LOG_LEVEL: "x" },
    });
    expect(code).toBe(78);
    expect(err).toMatch(
      /^The configuration is wrong \(2 problems\):\n {2}PREFETCH .*\n {2}LOG_LEVEL /,
    );
  });
});

describe("send", () => {
  it("publishes the command that the options make, and prints its id", async () => {
    const script = file("user-data.sh", "#!/bin/bash\n");
    const api = ["--user-data", script, "--mode", "withStopServer"];
    const people = ["--reason", "kernel panic", "--source", "me"];
    const rules = ["--on-busy", "wait", "--dry-run", "--observed-at", "2026-11-23T14:20:00Z"];
    const args = [...SEND, "--project", PROJECT.toUpperCase(), ...api, ...people, ...rules];
    const { code, out, sent, closed } = await run(args);
    expect([code, out, closed]).toEqual([0, "c-1\n", 1]);
    expect(sent).toEqual([
      {
        id: "c-1",
        replyTo: undefined,
        body: {
          command_id: "c-1",
          project_id: PROJECT,
          server_id: SERVER,
          "os-reinstall": {
            keyname: "k1",
            userid: "u1",
            mode: "withStopServer",
            metadata: { user_data: "IyEvYmluL2Jhc2gK" },
          },
          on_busy: "wait",
          observed_at: "2026-11-23T14:20:00Z",
          source: "me",
          reason: "kernel panic",
          dry_run: true,
        },
      },
    ]);
  });

  it("has an option for every field of the command", async () => {
    // From the schemas of the contract, member by member; `adminpass` is refused, whatever its value.
    const paths = [
      ...Object.keys(CommandBody.shape),
      ...Object.keys(OsReinstallFields.shape).map((name) => `os-reinstall.${name}`),
      ...Object.keys(MetadataFields.shape).map((name) => `os-reinstall.metadata.${name}`),
    ].filter(
      (path) => !["os-reinstall", "os-reinstall.metadata", "os-reinstall.adminpass"].includes(path),
    );
    expect(
      sendFields()
        .map(({ path }) => path.join("."))
        .toSorted(),
    ).toEqual(paths.toSorted());
    const { out } = await run(["send", "--help"]);
    for (const { option } of sendFields()) expect(out).toContain(option.flags);
  });

  it("sends every field", async () => {
    const body = {
      command_id: "c-9",
      project_id: PROJECT,
      server_id: SERVER,
      expected_system_disk: "80c15cff-0000-4000-8000-000000000004",
      on_busy: "reject",
      expires_at: "2026-11-24T15:00:00Z",
      not_before: "2026-11-24T14:00:00Z",
      observed_at: "2026-11-23T14:20:00Z",
      group: "web",
      override: ["cooldown", "windows"],
      source: "me",
      reason: "kernel panic",
      dry_run: true,
      "os-reinstall": {
        keyname: "k1",
        userid: "u1",
        mode: "withStopServer",
        metadata: {
          user_data: "IyEvYmluL2Jhc2gK",
          BYOL: "true",
          __system__encrypted: "1",
          __system__cmkid: "83cdb52d-9ebf-4469-9cfa-e7b5b80da846",
        },
      },
    };
    const values = {
      ...body,
      ...body["os-reinstall"],
      ...body["os-reinstall"].metadata,
      user_data: file("all.sh", "#!/bin/bash\n"),
    };
    const args = sendFields().flatMap(({ path, option }) => {
      const value: unknown = values[path.at(-1) as keyof typeof values];
      const flag = option.long ?? "";
      if (Array.isArray(value)) return value.flatMap((one: string) => [flag, one]);
      return option.isBoolean() ? [flag] : [flag, String(value)];
    });
    const { code, err, sent } = await run(["send", ...args]);
    expect([code, err, sent[0]?.body]).toEqual([0, "", body]);
  });

  it("asks for the final event on a queue of the caller's", async () => {
    const { sent } = await run([...SEND, "--reply-to", "answers", "--correlation-id", "42"]);
    expect(sent[0]).toMatchObject({ replyTo: "answers", correlationId: "42" });
    const both = await run([...SEND, "--reply-to", "answers", "--wait"]);
    expect([both.code, both.sent]).toEqual([2, []]);
  });

  it.each([
    ["#!/bin/sh", 0],
    ["\n#!/bin/sh", 2],
    ["IyEvYmluL3NoCg==", 2],
    ["just words", 2],
  ])(
    "refuses user data that would be ignored, unless USER_DATA_CHECK is lax: %j",
    async (data, exit) => {
      const args = [...SEND, "--user-data", file("user-data", data)];
      const strict = await run(args);
      expect(strict.code).toBe(exit);
      expect(strict.err).toMatch(exit === 0 ? /^$/ : /^error: --user-data .*\(USER_DATA_CHECK=lax/);
      expect(strict.err).not.toContain("just words");
      expect((await run(args, { env: { USER_DATA_CHECK: "lax" } })).code).toBe(0);
    },
  );

  it("makes up an id, another one each time", async () => {
    const args = ["send", "--server", SERVER, "--userid", "u"];
    const ids = [(await run(args)).sent[0]?.id, (await run(args)).sent[0]?.id];
    expect(ids[0]).toMatch(/^cli-[0-9a-f-]{36}$/);
    expect(ids[0]).not.toBe(ids[1]);
  });

  it("publishes a whole body from a file, as it stands", async () => {
    const body = { server_id: SERVER, "os-reinstall": { userid: "u" }, more: 1 };
    const path = file("body.json", JSON.stringify(body));
    const { sent } = await run(["send", "--file", path, "--id", "c-2"]);
    expect(sent[0]?.body).toEqual({ ...body, command_id: "c-2" });
  });

  it.each([
    ["{", "It is no JSON."],
    [`{"server_id":"${SERVER}","dry_run":true,"dry_run":false}`, "It has dry_run more than once."],
    ["[]", "error: --file must hold one JSON object"],
    ["{}", "error: --file: server_id is missing"],
    ['{"server_id":null}', "error: --file: server_id is missing"],
    [`{"server_id":"${SERVER}","dryRun":true}`, "error: --file: dryRun must be written dry_run"],
    [JSON.stringify({ server_id: SERVER, "os-reinstall": { adminpass: "geheim" } }), "is refused"],
  ])("refuses the file %s", async (content, message) => {
    const { code, err, sent } = await run(["send", "--file", file("bad.json", content)]);
    expect([code, sent]).toEqual([2, []]);
    expect(err).toContain(message);
    expect(err).not.toContain("geheim");
  });

  it("takes a file or options, not both", async () => {
    const path = file("both.json", "{}");
    const { code, err } = await run(["send", "--file", path, "--server", SERVER]);
    expect([code, err]).toEqual([
      2,
      "error: option '--file <file>' cannot be used with option '--server <id>'\n",
    ]);
  });

  it("says what the broker says, exits 1 and leaves", async () => {
    const publishFails = new CliFailure("no queue is bound to exchange x");
    const { code, err, closed } = await run(SEND, { publishFails });
    expect([code, err, closed]).toEqual([1, "error: no queue is bound to exchange x\n", 1]);
  });

  it("names what is wrong with the broker's settings, and nothing else", async () => {
    const { code, err } = await run(SEND, {
      env: { AMQP_URL: "http://x", PREFETCH: "0", LOG_LEVEL: "x" },
    });
    expect(code).toBe(78);
    expect(err).toMatch(/2 problems.*\n {2}AMQP_URL .*\n {2}PREFETCH /);
  });
});

describe("send --wait", () => {
  it.each([
    ["succeeded", 0],
    ["planned", 0],
    ["failed", 1],
    ["rejected", 1],
    ["unresolved", 1],
    ["superseded", 1],
  ] as const)("prints every event once until %s, and exits %i", async (final, exit) => {
    const events = [
      event("accepted"),
      event("accepted", {}, "somebody-else"),
      event("submitted", { job_id: "job-1" }),
      event(final, { message: "m" }),
      event(final, { message: "m" }),
    ];
    const { code, out, sent, closed } = await run([...SEND, "--wait"], { events });
    expect([code, closed, sent[0]?.replyTo]).toEqual([exit, 1, "reply-queue"]);
    expect(out.split("\n").filter((line) => line.startsWith("2026"))).toEqual([
      "2026-11-23T14:20:00.000Z accepted",
      "2026-11-23T14:20:00.000Z submitted job_id=job-1",
      `2026-11-23T14:20:00.000Z ${final} message=m`,
    ]);
  });

  it("says of a dry run how many checks pass, and what each other one found", async () => {
    const checks = [
      { check: "command", verdict: "pass" },
      { check: "server-free", verdict: "wait", detail: "heal-1 has it" },
      { check: "image", verdict: "unknown" },
      { check: "of-a-later-version", verdict: "pass", detail: "x" },
    ];
    const events = [event("planned", { checks, would: "nothing-now" })];
    const { out } = await run([...SEND, "--wait"], { events });
    expect(out).toContain(
      "planned checks=2 pass, server-free wait: heal-1 has it, image unknown would=nothing-now\n",
    );
  });

  it("prints events as JSON, one a line and nothing else", async () => {
    const events = [event("succeeded")];
    const { out } = await run([...SEND, "--wait", "--json"], { events });
    expect(JSON.parse(out)).toEqual(events[0]);
  });

  it("goes on after a duplicate whose original is still open, and ends with one that is done", async () => {
    const open = event("duplicate", { original: { phase: "watch", outcome: null } });
    const both = await run([...SEND, "--wait"], { events: [open, event("failed")] });
    expect(both.code).toBe(1);
    const done = event("duplicate", { original: { phase: "done", outcome: "succeeded" } });
    expect((await run([...SEND, "--wait"], { events: [done] })).code).toBe(0);
  });

  it.each([
    ["duplicate", { original: { phase: "done", outcome: "failed" } }],
    ["rejected", { problems: [{ path: "command_id", code: "id-reused" }] }],
  ] as const)("ends with an answer to a misuse of its id: %s", async (name, data) => {
    const answer = event(name, { ...data, reused_command_id: "c-1" }, "c-1~0123456789ab");
    const others = event(name, { ...data, reused_command_id: "c-2" }, "c-2~0123456789ab");
    const { code, out } = await run([...SEND, "--wait"], { events: [others, answer] });
    expect(code).toBe(1);
    expect(out.split("\n").filter((line) => line.startsWith("2026"))).toHaveLength(1);
  });

  it("gives up after --timeout and says how to ask later", async () => {
    const { code, err } = await run([...SEND, "--wait", "--timeout", "1"]);
    expect([code, err]).toEqual([
      1,
      "error: no end within 1 s (--timeout); it goes on: ecs-reinstall status c-1\n",
    ]);
  });

  it("ends when the connection is lost", async () => {
    const lost = Promise.reject(new CliFailure("the broker ended the connection: closed"));
    const { code, err } = await run([...SEND, "--wait"], { lost });
    expect([code, err]).toEqual([
      1,
      "error: the broker ended the connection: closed; it goes on: ecs-reinstall status c-1\n",
    ]);
  });
});

describe("send, interrupted", () => {
  const goesOn = "error: interrupted: the command goes on. Follow it: ecs-reinstall status c-1\n";
  const perhaps =
    "error: interrupted while it was sent: the broker may have it. Ask: ecs-reinstall status c-1; or send it again with --id c-1, which is sending it once\n";

  it.each([
    ["before it is connected", "connect", [], "error: interrupted: nothing was sent\n"],
    [
      "before it is connected, to follow",
      "connect",
      ["--wait"],
      "error: interrupted: nothing was sent\n",
    ],
    ["before the broker has answered", "publish", [], perhaps],
    ["before the broker has answered, to follow", "publish", ["--wait"], perhaps],
    ["while it follows", "wait", ["--wait"], goesOn],
    ["while it follows, as JSON", "wait", ["--wait", "--json"], goesOn],
  ] as const)("says what became of the command: %s", async (_when, interruptedAt, more, said) => {
    const { code, err, listening } = await run([...SEND, ...more], { interruptedAt });
    expect([code, err, listening]).toEqual([130, said, 0]);
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("by %s exits with %i", async (signal, exit) => {
    const { code } = await run([...SEND, "--wait"], { interruptedAt: "wait", signal });
    expect(code).toBe(exit);
  });

  it("listens no longer than it works", async () => {
    expect((await run(SEND)).listening).toBe(0);
    expect((await run([...SEND, "--wait"], { events: [event("failed")] })).listening).toBe(0);
  });
});

describe("looking things up", () => {
  const answers = (status: number, body: unknown) => () =>
    Promise.resolve(new Response(JSON.stringify(body), { status }));

  it("shows a command, asked on this machine's port", async () => {
    const { code, out, asked } = await run(["status", "heal:web-01"], {
      env: { HTTP_PORT: "9000" },
      fetch: answers(200, { phase: "watch" }),
    });
    expect([code, asked]).toEqual([0, ["http://127.0.0.1:9000/v1/commands/heal%3Aweb-01"]]);
    expect(JSON.parse(out)).toEqual({ phase: "watch" });
  });

  it("shows a server of the default project, asked where --url says", async () => {
    const { asked } = await run(["server", SERVER, "--url", "http://worker:8080/"], {
      env: { ECS_PROJECTS: `${PROJECT},x` },
      fetch: answers(200, {}),
    });
    expect(asked).toEqual([`http://worker:8080/v1/servers/${PROJECT}/${SERVER}`]);
  });

  it("says what the worker says, and that none answers", async () => {
    const message = "no such command is known";
    const unknown = await run(["status", "a"], { fetch: answers(404, { message }) });
    expect([unknown.code, unknown.err]).toEqual([1, "error: no such command is known\n"]);
    const nobody = await run(["status", "a"]);
    expect([nobody.code, nobody.err]).toEqual([
      1,
      "error: no worker answers at http://127.0.0.1:8080: ECONNREFUSED. Name one by --url or ECS_REINSTALL_URL\n",
    ]);
  });

  it.each([
    [
      "gives no JSON",
      () => Promise.resolve(new Response("<html>", { status: 502 })),
      "is no worker (HTTP status 502)",
    ],
    [
      "is another API",
      answers(404, { error_code: "APIGW.0101" }),
      "is no worker (HTTP status 404)",
    ],
    [
      "has no such path",
      answers(404, { message: "one of /metrics, /livez" }),
      "--url is http://HOST:PORT alone",
    ],
    [
      "has another certificate",
      () =>
        Promise.reject(
          new TypeError("fetch failed", { cause: new Error("self-signed certificate") }),
        ),
      "no worker answers at http://127.0.0.1:8080: self-signed certificate. Name one",
    ],
  ] as const)("says of an address that %s what it is", async (_what, fetch, said) => {
    const { code, err } = await run(["status", "a"], { fetch });
    expect(code).toBe(1);
    expect(err).toContain(said);
  });

  it("names the variable where the address comes from it", async () => {
    const { code, err } = await run(["status", "a"], { env: { ECS_REINSTALL_URL: "worker:8080" } });
    expect([code, err]).toEqual([
      2,
      "error: ECS_REINSTALL_URL must be an http:// or https:// URL\n",
    ]);
  });
});
