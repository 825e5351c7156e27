import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ownedDirectory, run, spawnOwned } from "../support/processes/child-process.ts";
import { type Unpacked, unpackDebian } from "../support/rabbitmq/debian-packages.ts";
import { makeRabbitMqUser, removeRabbitMqUser } from "../support/rabbitmq/documented-users.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/network/free-port.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLES = join(ROOT, "examples");
const LOGIN = ["KeyPair-350b", "7e25b1da389f4697a79df3a0e5bd494e"];
const GO = "usr/lib/go-1.19";

/** Nobody here can install them: each is downloaded and unpacked, or its test says why not. */
const tools = {
  python: await unpackDebian("python", ["python3-pika"]),
  shell: await unpackDebian("shell", ["amqp-tools", "librabbitmq4"]),
  go: await unpackDebian("go", [
    "golang-1.19-go",
    "golang-1.19-src",
    "golang-github-rabbitmq-amqp091-go-dev",
  ]),
  alertmanager: await unpackDebian("alertmanager", ["prometheus-alertmanager"]),
};

let stage: SharedStage;
let user: string;
let folder: Awaited<ReturnType<typeof ownedDirectory>>;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
  user = await makeRabbitMqUser(stage.services.rabbitMq, "ecs-client");
  folder = await ownedDirectory("ecs-examples-");
});
afterAll(async () => {
  await removeRabbitMqUser(stage.services.rabbitMq, user);
  await folder.remove();
  await stage?.close();
});

/** What one of the programs prints, and whether it says that the server was reinstalled. */
async function play(program: string, args: readonly string[], env: Record<string, string>) {
  return new Promise<{ ok: boolean; said: string }>((resolve) => {
    const all = { PATH: process.env["PATH"] ?? "", AMQP_URL: user, ...env };
    execFile(program, args, { env: all, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ ok: error === null, said: stdout + stderr }),
    );
  });
}

/** A reinstall; and the same id once more, which is none. */
async function sendsAndWaits(
  program: string,
  before: readonly string[],
  env: Record<string, string>,
): Promise<void> {
  const server = stage.simulator.addServer({ state: "SHUTOFF" }).id;
  const id = commandId("example");
  const first = await play(program, [...before, server, ...LOGIN, id], env);
  expect(first).toMatchObject({ ok: true });
  expect(first.said).toMatch(new RegExp(`sent ${id}[^]*succeeded`));
  const again = await play(program, [...before, server, ...LOGIN, id], env);
  expect(again).toMatchObject({ ok: true });
  expect(again.said).toContain("duplicate");
  expect(stage.reinstalls(server)).toBe(1);
}

function skipReason(tool: Unpacked): string | null {
  return tool.kind === "ready" ? null : tool.reason;
}

function rootOf(tool: Unpacked): string {
  if (tool.kind !== "ready") throw new Error(tool.reason);
  return tool.root;
}

describe("the examples send a command and wait for its end", () => {
  it("in Python", async (context) => {
    const why = skipReason(tools.python);
    if (why !== null) return context.skip(why);
    const PYTHONPATH = join(rootOf(tools.python), "usr/lib/python3/dist-packages");
    await sendsAndWaits("/usr/bin/env", ["python3", join(EXAMPLES, "python/reinstall.py")], {
      PYTHONPATH,
    });
  });

  it("in Go", async (context) => {
    const why = skipReason(tools.go);
    if (why !== null) return context.skip(why);
    const root = rootOf(tools.go);
    const program = join(folder.path, "reinstall");
    await run(
      join(root, GO, "bin/go"),
      ["build", "-o", program, join(EXAMPLES, "go/reinstall.go")],
      {
        env: {
          PATH: process.env["PATH"],
          GOROOT: join(root, GO),
          GOPATH: join(root, "usr/share/gocode"),
          GOCACHE: join(root, "cache"),
          GO111MODULE: "off",
          CGO_ENABLED: "0",
        },
        timeoutMs: 80_000,
      },
    );
    await sendsAndWaits(program, [], {});
  });

  it("in a shell", async (context) => {
    const why = skipReason(tools.shell);
    if (why !== null) return context.skip(why);
    const root = rootOf(tools.shell);
    const server = stage.simulator.addServer({ state: "SHUTOFF" }).id;
    const id = commandId("example");
    const { ok, said } = await play(
      "/bin/sh",
      [join(EXAMPLES, "shell/reinstall.sh"), server, ...LOGIN, id],
      {
        PATH: `${join(root, "usr/bin")}:${process.env["PATH"]}`,
        LD_LIBRARY_PATH: join(root, "usr/lib/x86_64-linux-gnu"),
        STATUS_URL: stage.workers[0]?.httpUrl ?? "",
      },
    );
    expect(said).toMatch(new RegExp(`sent ${id}\\nsucceeded\\n`));
    expect(ok).toBe(true);
    expect(stage.reinstalls(server)).toBe(1);
  });
});

describe("self-healing", () => {
  it("reinstalls once for an alert that Alertmanager repeats, and cancels what waits when it is resolved", async (context) => {
    const why = skipReason(tools.alertmanager);
    if (why !== null) return context.skip(why);
    const alertmanager = await startSelfHealing(rootOf(tools.alertmanager));
    try {
      const sick = stage.simulator.addServer({ state: "SHUTOFF" }).id;
      const startsAt = new Date();
      const alert = (server_id: string, endsAt?: Date) => ({
        labels: { alertname: "KernelPanic", server_id },
        startsAt: startsAt.toISOString(),
        endsAt: (endsAt ?? new Date(Date.now() + 600_000)).toISOString(),
      });
      await alertmanager.post([alert(sick)]);
      const id = await eventually(() => idFor(sick), { what: "a command", timeoutMs: 20_000 });
      expect((await stage.emitter.outcome(id)).data).toMatchObject({
        event: "succeeded",
        source: "alertmanager",
        reason: "KernelPanic",
      });
      // Alertmanager says it again as long as it lasts.
      await eventually(() => alertmanager.said().split(`sent ${id}`).length > 3, {
        timeoutMs: 20_000,
      });
      expect(stage.reinstalls(sick)).toBe(1);
      await alertmanager.cli("pause", "--reason", "a look at it first");
      const held = stage.simulator.addServer({ state: "SHUTOFF" }).id;
      await alertmanager.post([alert(held)]);
      const waiting = await eventually(() => idFor(held), { what: "a command", timeoutMs: 20_000 });
      await stage.emitter.event(waiting, "waiting");
      await alertmanager.post([alert(held, new Date())]);
      expect((await stage.emitter.outcome(waiting)).data.event).toBe("cancelled");
      await alertmanager.cli("resume", "--reason", "seen");
      expect(stage.reinstalls(held)).toBe(0);
    } finally {
      await alertmanager.stop();
    }
  });

  function idFor(server: string): string | false {
    const about = stage.emitter.heard().find(({ event }) => event.data.server_id === server);
    return about?.event.data.command_id ?? false;
  }

  async function startSelfHealing(root: string) {
    const port = await freePort();
    const receiverPort = await freePort();
    const env = {
      PATH: process.env["PATH"],
      AMQP_URL: user,
      REDIS_URL: stage.services.redis.url,
      ECS_PROJECTS: stage.simulator.addServer({ state: "SHUTOFF" }).projectId,
      KEYNAME: LOGIN[0],
      USERID: LOGIN[1],
      PORT: String(receiverPort),
      ECS_REINSTALL: `${process.execPath} ${join(ROOT, "dist/cli/ecs-reinstall.js")}`,
    };
    const log = join(folder.path, "receiver.log");
    const receiver = await spawnOwned(
      process.execPath,
      [join(EXAMPLES, "self-healing/receiver.mjs")],
      { env, logFile: log },
    );
    const config = readFileSync(join(EXAMPLES, "self-healing/alertmanager.yml"), "utf8")
      .replace("127.0.0.1:9099", `127.0.0.1:${receiverPort}`)
      // The example's times are those of an installation.
      .replace("group_wait: 30s", "group_wait: 100ms")
      .replace("group_interval: 1m", "group_interval: 1s")
      .replace("repeat_interval: 1h", "repeat_interval: 1s");
    const own = join(folder.path, "alertmanager");
    await mkdir(own);
    await writeFile(join(own, "alertmanager.yml"), config);
    const server = await spawnOwned(
      "unshare",
      [
        process.getuid?.() === 0 ? "-m" : "-rm",
        "sh",
        "-c",
        // Debian's program reads its templates there, and nowhere else.
        'mount --bind "$0/usr/share" /usr/share && exec "$0/usr/bin/prometheus-alertmanager" "$@"',
        root,
        `--config.file=${join(own, "alertmanager.yml")}`,
        `--storage.path=${join(own, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--cluster.listen-address=",
      ],
      { env: { PATH: process.env["PATH"] }, logFile: join(own, "log") },
    );
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => (await fetch(`${url}/-/ready`)).ok, { timeoutMs: 20_000 });
    return {
      said: () => readFileSync(log, "utf8"),
      async post(alerts: readonly object[]) {
        const answer = await fetch(`${url}/api/v2/alerts`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(alerts),
        });
        expect(answer.status).toBe(200);
      },
      cli: (...args: string[]) =>
        run(process.execPath, [join(ROOT, "dist/cli/ecs-reinstall.js"), ...args], { env }),
      async stop() {
        await Promise.all([server.kill(), receiver.kill()]);
      },
    };
  }
});
