import type { GetMessage } from "amqplib";
import { expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import { auditRest } from "../support/audit.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { operatorInProcess } from "../support/operator.ts";
import { startFlakyProxy } from "../support/network/flaky-proxy.ts";
import { type PrivateRedis, type RedisOptions, startRedis } from "../support/redis/redis.ts";
import { startReplica, startWatchedRedis } from "../support/redis/redis-failover.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import type { Stage, StageOptions } from "../support/stage.ts";
import {
  allHeard,
  allOnce,
  earnTrust,
  LONG,
  onRedis,
  onStage,
  posts,
  sendFleet,
} from "./own-stage.ts";

const ENV = { REDIS_COMMAND_TIMEOUT_MS: "500", ECS_POST_TIMEOUT_MS: "3000" };
const KEY = `ecs:{${DEFAULT_PROJECT_ID}}:`;

async function onPrivateRedis(
  play: (stage: Stage, redis: PrivateRedis, rabbitMq: SharedServices["rabbitMq"]) => Promise<void>,
  options: RedisOptions & Partial<Pick<StageOptions, "env">> = {},
  through: (redis: PrivateRedis) => string = (redis) => redis.url,
): Promise<void> {
  const { env = {}, ...redisOptions } = options;
  const redis = await startRedis({ appendOnly: true, ...redisOptions });
  const services = await sharedServices();
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: redis.url,
        through: { redis: through(redis) },
        env: { ...ENV, ...env },
      },
      (stage) => play(stage, redis, services.rabbitMq),
    );
  } finally {
    await services.close();
    await redis.stop();
  }
}

const readiness = async (stage: Stage) =>
  (await fetch(`${stage.workers[0]?.httpUrl}/readyz`)).status;
const dependencies = async (stage: Stage) => {
  const body = (await (await fetch(`${stage.workers[0]?.httpUrl}/readyz`)).json()) as {
    readonly dependencies: readonly { readonly name: string; readonly state: string }[];
  };
  return Object.fromEntries(body.dependencies.map(({ name, state }) => [name, state]));
};
const liveness = async (stage: Stage) => (await fetch(`${stage.workers[0]?.httpUrl}/livez`)).status;

it.concurrent("away at the start: waits, alive and not ready; then works, and no attempt was spent", async () => {
  await onPrivateRedis(async (stage, redis) => {
    await redis.kill();
    await stage.spawnWorker();
    await eventually(async () => (await dependencies(stage))["rabbitmq"] === "up", {
      timeoutMs: 30_000,
    });
    const fleet = await sendFleet(stage, 3);
    expect(await readiness(stage)).toBe(503);
    // The commands were taken, and put aside.
    await eventually(() => (stage.workers[0]?.output() ?? "").includes("store-away"), {
      timeoutMs: 30_000,
    });
    expect(await liveness(stage)).toBe(200);
    await redis.start();
    await allOnce(stage, fleet);
    for (const id of fleet.ids) {
      expect((await stage.emitter.event(id, "submitted")).data["attempt"]).toBe(1);
    }
    await stage.workers[0]?.ready();
    await stage.audit(fleet.ids);
  });
});

it.concurrent("away in the middle, back with its data: nothing is sent meanwhile, everything ends", async () => {
  await onPrivateRedis(async (stage, redis) => {
    await stage.addWorker();
    const running = await sendFleet(stage, 5, LONG);
    await allHeard(stage, running, "submitted");
    // One POST is on the wire at the moment when Redis goes.
    stage.simulator.faults.set({ operation: "reinstall", delayBeforeReplyMs: 1_500, times: 1 });
    const flying = await sendFleet(stage, 1, LONG);
    await eventually(() => stage.reinstalls(flying.serverIds[0] ?? "") === 1);
    await redis.kill();
    const coming = await sendFleet(stage, 5);
    await eventually(async () => (await readiness(stage)) === 503);
    await eventually(() => (stage.workers[0]?.output().match(/store-away/g) ?? []).length > 10, {
      timeoutMs: 30_000,
    });
    expect(coming.serverIds.map((id) => posts(stage, id))).toEqual([0, 0, 0, 0, 0]);
    await redis.start();
    for (const fleet of [running, flying, coming]) await allOnce(stage, fleet);
    // Its outcome travelled in its message; it is told as if nothing had happened.
    expect(stage.emitter.story(flying.ids[0] ?? "")).toContain("submitted");
    await stage.audit([...running.ids, ...flying.ids, ...coming.ids]);
  });
});

it.concurrent("emptied by FLUSHALL while 20 commands wait: each waits on and is carried out", async () => {
  await onPrivateRedis(async (stage, redis) => {
    await stage.addWorker();
    await stage.addWorker();
    const running = await sendFleet(stage, 10, LONG);
    await allHeard(stage, running, "submitted");
    const waiting = running.serverIds.flatMap((serverId, index) =>
      ["first", "second"].map((name) => ({ id: commandId(`${name}-${index}`), serverId })),
    );
    for (const { id, serverId } of waiting) {
      await stage.emitter.send(stage.command(id, serverId, { on_busy: "wait" }));
    }
    await Promise.all(waiting.map(({ id }) => stage.emitter.event(id, "waiting")));

    await redis.flushAll();

    const outcomes = await Promise.all(
      [...running.ids, ...waiting.map(({ id }) => id)].map((id) =>
        stage.emitter.outcome(id, 90_000),
      ),
    );
    expect(outcomes.map(({ data }) => data.event)).toEqual(outcomes.map(() => "succeeded"));
    for (const serverId of running.serverIds) expect(stage.reinstalls(serverId)).toBe(3);
    await stage.audit([...running.ids, ...waiting.map(({ id }) => id)]);
  });
});

it.concurrent("emptied while a server settles for longer than any delay: its lock is back in time", async () => {
  await onPrivateRedis(
    async (stage, redis) => {
      await stage.addWorker();
      const { id: serverId } = stage.simulator.addServer({ state: "SHUTOFF" });
      const first = commandId("settles");
      await stage.emitter.send(stage.command(first, serverId));
      await stage.emitter.event(first, "submitted");
      const phase = () => redis.command("HGET", `${KEY}lock:${serverId}`, "phase");
      await eventually(async () => (await phase()) === "settle");

      await redis.flushAll();

      // The hold is 1.5 s, the message is due in 4 s.
      await eventually(async () => (await phase()) === "settle", { timeoutMs: 1_400 });
      const next = commandId("next");
      await stage.emitter.send(stage.command(next, serverId, { on_busy: "wait" }));
      const waits = await stage.emitter.event(next, "waiting");
      expect(waits.data).toMatchObject({ waits_for: "server-busy", holder: first });
      for (const id of [first, next]) {
        expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
      }
      await stage.audit([first, next]);
    },
    { env: { SETTLE_MS: "4000" } },
  );
});

it.concurrent.each([
  ["restarted empty", (redis: PrivateRedis) => redis.restartEmpty()],
  ["emptied by FLUSHALL", (redis: PrivateRedis) => redis.flushAll()],
  [
    "emptied by FLUSHALL twice",
    async (redis: PrivateRedis) => {
      await redis.flushAll();
      await eventually(async () => (await redis.command("DBSIZE")) !== 0);
      await redis.flushAll();
    },
  ],
  ["told to forget its scripts", (redis: PrivateRedis) => redis.command("SCRIPT", "FLUSH")],
  ["restarted without its last second", (redis: PrivateRedis) => redis.restartWithoutLast(20)],
] as const)(
  "%s while jobs run: in-flight servers are locked again from the broker, nothing is sent twice",
  async (_name, lose) => {
    await onPrivateRedis(
      async (stage, redis) => {
        await stage.addWorker();
        await stage.addWorker();
        const running = await sendFleet(stage, 8, LONG);
        await allHeard(stage, running, "submitted");
        const joining = running.serverIds.map((_, index) => commandId(`join-${index}`));
        const other = { "os-reinstall": { keyname: "another", userid: "someone" } };
        const waiting = running.serverIds.map((_, index) => commandId(`wait-${index}`));
        for (const [index, serverId] of running.serverIds.entries()) {
          await stage.emitter.send(stage.command(joining[index] ?? "", serverId));
          await stage.emitter.send(stage.command(waiting[index] ?? "", serverId, other));
        }
        await Promise.all(joining.map((id) => stage.emitter.event(id, "joined")));
        await Promise.all(waiting.map((id) => stage.emitter.event(id, "waiting")));

        await lose(redis);

        // Somebody new wants the same servers while nobody remembers who has them.
        const late = running.serverIds.map((_, index) => commandId(`late-${index}`));
        for (const [index, serverId] of running.serverIds.entries()) {
          await stage.emitter.send(
            stage.command(late[index] ?? "", serverId, { on_busy: "reject" }),
          );
        }
        const outcomes = async (ids: readonly string[]) =>
          Promise.all(ids.map(async (id) => (await stage.emitter.outcome(id, 90_000)).data.event));
        expect(await outcomes(running.ids)).toEqual(running.ids.map(() => "succeeded"));
        for (const one of await outcomes(joining)) {
          expect(["succeeded", "unresolved"]).toContain(one);
        }
        // Of what only waited no copy can have run: no doubt.
        expect(await outcomes(waiting)).toEqual(waiting.map(() => "succeeded"));
        await outcomes(late);
        const ledger = stage.simulator.ledger().servers;
        for (const id of running.serverIds) expect(ledger[id]?.maxConcurrent).toBe(1);
        const all = [...running.ids, ...joining, ...waiting, ...late];
        const unresolved = all.filter((id) => stage.emitter.story(id).includes("unresolved"));
        console.log(`${_name}: unresolved ${unresolved.length} of ${all.length}`);
        await stage.audit(all, unresolved);
      },
      { env: { JOB_DEADLINE_MS: "15000" } },
    );
  },
);

it.concurrent("emptied while idle: the next command waits for the hold, then is carried out", async () => {
  await onPrivateRedis(async (stage, redis) => {
    await stage.addWorker();
    const first = await sendFleet(stage, 1);
    await allOnce(stage, first);
    await redis.flushAll();
    const flushedAtMs = Date.now();
    const second = await sendFleet(stage, 2);
    await allOnce(stage, second);
    const submitted = await stage.emitter.event(second.ids[0] ?? "", "submitted");
    expect(Date.parse(submitted.time) - flushedAtMs).toBeGreaterThanOrEqual(1_400);

    // A finished command that Redis has forgotten is new; what it says about the server protects it.
    const [id = ""] = first.ids;
    const [serverId = ""] = first.serverIds;
    const guards = {
      disk: { expected_system_disk: "11111111-2222-4333-8444-555555555555" },
      age: { expires_at: new Date(Date.now() - 1_000).toISOString() },
    };
    for (const [name, guard] of Object.entries(guards)) {
      await stage.emitter.send(stage.command(`${id}-${name}`, serverId, guard));
    }
    expect((await stage.emitter.outcome(`${id}-disk`)).data.event).toBe("superseded");
    expect((await stage.emitter.outcome(`${id}-age`)).data.event).toBe("expired");
    expect(stage.reinstalls(serverId)).toBe(1);
    await stage.audit([...first.ids, ...second.ids, `${id}-disk`, `${id}-age`]);
  });
});

it.concurrent("emptied between intent and POST: the one POST counts, its job is followed", async () => {
  await onPrivateRedis(async (stage, redis) => {
    const worker = await stage.addWorker([{ label: "submit:intent-recorded", action: "stop" }]);
    const fleet = await sendFleet(stage, 1);
    await worker.stopped();
    await redis.flushAll();
    worker.process.signal("SIGCONT");
    await allOnce(stage, fleet);
    expect(posts(stage, fleet.serverIds[0] ?? "")).toBe(1);
    await stage.audit(fleet.ids);
  });
});

it.concurrent.each(["submit:attempt-claimed", "submit:signed"])(
  "emptied at %s: no POST on the strength of a missing intent, only on proof",
  async (label) => {
    await onPrivateRedis(async (stage, redis) => {
      const worker = await stage.addWorker([{ label, action: "stop" }]);
      const fleet = await sendFleet(stage, 1);
      await worker.stopped();
      await redis.flushAll();
      const flushedAtMs = Date.now();
      worker.process.signal("SIGCONT");
      // The evidence was forgotten as well: it is earned again.
      const plain = await earnTrust(stage);
      await allOnce(stage, fleet);
      const submitted = await stage.emitter.event(fleet.ids[0] ?? "", "submitted");
      expect(Date.parse(submitted.time) - flushedAtMs).toBeGreaterThan(6_000);
      await stage.audit([...plain, ...fleet.ids]);
    });
  },
);

it.concurrent("the intent is lost with the last second, and its worker too: nobody sends again before the fence", async () => {
  await onPrivateRedis(async (stage, redis) => {
    const worker = await stage.addWorker([
      { label: "submit:intent-recorded", nth: 4, action: "stop" },
    ]);
    const plain = await earnTrust(stage);
    const fleet = await sendFleet(stage, 1);
    await worker.stopped();
    // The last write is the intent.
    await redis.restartWithoutLast(1);
    await worker.kill();
    const killedAtMs = Date.now();
    await stage.addWorker();
    await allOnce(stage, fleet);
    const submitted = await stage.emitter.event(fleet.ids[0] ?? "", "submitted");
    expect(Date.parse(submitted.time) - killedAtMs).toBeGreaterThan(6_000);
    await stage.audit([...plain, ...fleet.ids]);
  });
});

it.concurrent.each([
  [
    "out of memory",
    (redis: PrivateRedis) => redis.configSet("maxmemory", "1"),
    (redis: PrivateRedis) => redis.configSet("maxmemory", "0"),
  ],
  [
    "read-only",
    (redis: PrivateRedis) => redis.command("REPLICAOF", "127.0.0.1", 1),
    (redis: PrivateRedis) => redis.command("REPLICAOF", "NO", "ONE"),
  ],
  [
    "silent for longer than the time-out",
    (redis: PrivateRedis) => redis.pause(),
    (redis: PrivateRedis) => redis.resume(),
  ],
  [
    "without the right to run scripts (NOPERM)",
    (redis: PrivateRedis) => redis.command("ACL", "SETUSER", "default", "-@scripting"),
    (redis: PrivateRedis) => redis.command("ACL", "SETUSER", "default", "+@scripting"),
  ],
] as const)("%s for a while: no POST, then on where it was", async (_name, breakIt, mendIt) => {
  await onPrivateRedis(async (stage, redis) => {
    await stage.addWorker();
    const running = await sendFleet(stage, 4, LONG);
    await allHeard(stage, running, "submitted");
    await breakIt(redis);
    const coming = await sendFleet(stage, 4);
    await eventually(() => (stage.workers[0]?.output().match(/store-away/g) ?? []).length > 10, {
      timeoutMs: 30_000,
    });
    expect(coming.serverIds.map((id) => posts(stage, id))).toEqual([0, 0, 0, 0]);
    await mendIt(redis);
    await allOnce(stage, running);
    await allOnce(stage, coming);
    await stage.audit([...running.ids, ...coming.ids]);
  });
});

it.concurrent("silent: not ready within seconds, with nothing to do and with steps in hand, and ready again when it answers", async () => {
  await onPrivateRedis(async (stage, redis) => {
    const worker = await stage.addWorker();
    const detail = async () => {
      const body = (await (await fetch(`${worker.httpUrl}/readyz`)).json()) as {
        readonly dependencies: readonly { readonly name: string; readonly detail: string }[];
      };
      return body.dependencies.find(({ name }) => name === "redis")?.detail;
    };
    const gauges = async () => await (await fetch(`${worker.httpUrl}/metrics`)).text();
    expect(await detail()).toMatch(/^our clock minus Redis's: -?0\.\d+ s$/);
    await eventually(async () => (await gauges()).includes("\necs_reinstall_open_commands{"));
    await redis.pause();
    await eventually(async () => (await readiness(stage)) === 503);
    expect((await dependencies(stage))["redis"]).toBe("down");
    expect(await liveness(stage)).toBe(200);
    const fleet = await sendFleet(stage, 2);
    await eventually(() => worker.output().includes("store-away"), { timeoutMs: 30_000 });
    expect(await readiness(stage)).toBe(503);
    // What it said last is no news any more.
    await eventually(async () => !(await gauges()).includes("\necs_reinstall_open_commands{"), {
      timeoutMs: 30_000,
    });
    await redis.resume();
    await eventually(async () => (await readiness(stage)) === 200, { timeoutMs: 30_000 });
    await allOnce(stage, fleet);
    await stage.audit(fleet.ids);
  });
});

it.concurrent("every reply lost after execution, for two seconds in a burst: nothing runs twice with effect", async () => {
  const redis = await startRedis({ appendOnly: true });
  const proxy = await startFlakyProxy(redis.port);
  const services = await sharedServices();
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: redis.url,
        through: { redis: proxy.via(redis.url) },
        env: ENV,
      },
      async (stage) => {
        await stage.addWorker();
        const fleet = await sendFleet(stage, 20);
        await eventually(() => stage.reinstalls(fleet.serverIds[0] ?? "") === 1);
        for (let round = 0; round < 3; round++) {
          const before = proxy.bytes.up;
          await proxy.set({ kind: "drop-replies" });
          // Something was asked, and done, that nobody heard of.
          await eventually(() => proxy.bytes.up > before + 500);
          await proxy.set({ kind: "reset" });
          await proxy.set({ kind: "pass" });
        }
        await allOnce(stage, fleet);
        await stage.audit(fleet.ids);
      },
    );
  } finally {
    await proxy.close();
    await services.close();
    await redis.stop();
  }
});

it.concurrent("a foreign value at a key of ours keeps its command waiting until it is repaired; the others go on", async () => {
  await onPrivateRedis(async (stage, redis) => {
    const worker = await stage.addWorker();
    const [byLock, byRecord] = [1, 2].map(() => stage.simulator.addServer({ state: "SHUTOFF" }));
    const ids = ["by-lock", "by-record"].map(commandId) as [string, string];
    const malformed = commandId("malformed");
    const damaged = [`${KEY}lock:${byLock?.id}`, `${KEY}cmd:${ids[1]}`, `${KEY}cmd:${malformed}`];
    await onRedis(redis.url, async (client) => {
      for (const key of damaged) await client.set(key, "somebody else's");
    });
    await stage.emitter.send(stage.command(ids[0], byLock?.id ?? ""));
    await stage.emitter.send(stage.command(ids[1], byRecord?.id ?? ""));
    await stage.emitter.send({ ...stage.command(malformed, byLock?.id ?? ""), on_busy: "steal" });
    const fine = await sendFleet(stage, 3);
    await allOnce(stage, fine);
    await eventually(async () => {
      const page = await (await fetch(`${worker.httpUrl}/metrics`)).text();
      expect(Number(/store_unreadable_total (\d+)/.exec(page)?.[1])).toBeGreaterThanOrEqual(3);
    });
    const readiness = await fetch(`${worker.httpUrl}/readyz`);
    expect([readiness.status, await readiness.text()]).toEqual([
      200,
      expect.stringContaining("holds what cannot be read, and what needs it waits: "),
    ]);
    const operator = operatorInProcess(redis.url, DEFAULT_PROJECT_ID);
    const id = byLock?.id ?? "";
    const explained = await operator("explain", id, "--url", worker.httpUrl);
    expect(explained).toContain(`Have the key ${KEY}lock:${id} looked at, and renamed`);
    expect(explained).toContain("redis, of this project, holds what cannot be read");
    const asked = operator("explain", ids[0], "--url", worker.httpUrl);
    await expect(asked).rejects.toThrow(
      "A command that needs it is not known before it is put right: docs/runbooks/EcsReinstallStepErrors.md",
    );
    const unlocked = operator("unlock", id, "--owner", "x", "--reason", "y");
    await expect(unlocked).rejects.toThrow(
      `hget of ${KEY}lock:${id}: that key holds what no worker`,
    );
    // What cannot be stored is not told: no end of theirs may be followed by another.
    for (const id of [...ids, malformed]) expect(stage.emitter.heard(id)).toEqual([]);
    expect(posts(stage, byLock?.id ?? "") + posts(stage, byRecord?.id ?? "")).toBe(0);
    await onRedis(redis.url, (client) => client.del(...damaged));
    for (const id of ids) {
      expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    }
    expect((await stage.emitter.outcome(malformed)).data.event).toBe("rejected");
    await stage.audit([...fine.ids, ...ids]);
  });
});

it.concurrent("a lock of another service is waited for by name, never taken", async () => {
  await onPrivateRedis(async (stage, redis) => {
    await stage.addWorker();
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const lock = `${KEY}lock:${server.id}`;
    await onRedis(redis.url, (client) =>
      client.hset(lock, { owner: "nightly-backup", token: 1, operation: "snapshot", since: 1 }),
    );
    const [waits, rejected] = ["waits", "rejected"].map(commandId) as [string, string];
    await stage.emitter.send(stage.command(waits, server.id));
    await stage.emitter.send(stage.command(rejected, server.id, { on_busy: "reject" }));
    expect((await stage.emitter.event(waits, "waiting")).data).toMatchObject({
      waits_for: "server-busy",
      holder: "nightly-backup",
    });
    expect((await stage.emitter.outcome(rejected)).data.event).toBe("rejected");
    expect(posts(stage, server.id)).toBe(0);
    await onRedis(redis.url, (client) => client.del(lock));
    expect((await stage.emitter.outcome(waits)).data.event).toBe("succeeded");
    await stage.audit([waits, rejected]);
  });
});

it.concurrent("a submit that was out of reach until the new memory had settled: proof, no trust in a missing intent", async () => {
  await onPrivateRedis(async (stage, redis) => {
    const doomed = await stage.addWorker([{ label: "submit:attempt-claimed", action: "kill" }]);
    const fleet = await sendFleet(stage, 1);
    await doomed.ended();
    const { channel } = stage.emitter;
    const held = await eventually(() => channel.get("ecs.reinstall.work"));
    await redis.flushAll();
    await stage.addWorker();
    // Opens the new memory, and is let in only when its hold is over.
    const plain = await earnTrust(stage);
    const backAtMs = Date.now();
    channel.nack(held, false, true);
    await allOnce(stage, fleet);
    const submitted = await stage.emitter.event(fleet.ids[0] ?? "", "submitted");
    expect(Date.parse(submitted.time) - backAtMs).toBeGreaterThan(6_000);
    expect(posts(stage, fleet.serverIds[0] ?? "")).toBe(1);
    await stage.audit([...plain, ...fleet.ids]);
  });
});

it.concurrent("a finished command that comes again when nobody remembers it: stopped by its disk or by its age", async () => {
  await onPrivateRedis(async (stage, redis, rabbitMq) => {
    await stage.addWorker();
    const [byDisk, byAge] = [1, 2].map(() => stage.simulator.addServer({ state: "SHUTOFF" }));
    const expiresAtMs = Date.now() + 10_000;
    const commands = [
      stage.command(commandId("by-disk"), byDisk?.id ?? "", {
        expected_system_disk: byDisk?.systemDiskId,
      }),
      stage.command(commandId("by-age"), byAge?.id ?? "", {
        expires_at: new Date(expiresAtMs).toISOString(),
      }),
    ] as { readonly command_id: string }[];
    for (const command of commands) await stage.emitter.send(command);
    const ends = async (name: string, id: string | undefined) =>
      (await stage.emitter.event(id ?? "", name, 60_000)).data.event;
    for (const { command_id: id } of commands)
      expect(await ends("succeeded", id)).toBe("succeeded");
    await redis.flushAll();
    await eventually(() => Date.now() > expiresAtMs, { timeoutMs: 30_000 });
    for (const command of commands) await stage.emitter.send(command);
    await ends("superseded", commands[0]?.command_id);
    await ends("expired", commands[1]?.command_id);
    expect([byDisk, byAge].map((server) => posts(stage, server?.id ?? ""))).toEqual([1, 1]);
    // Two lives of one id are two stories: what is left behind can be audited.
    await eventually(async () => expect(await auditRest(rabbitMq, redis.url)).toEqual([]));
  });
});

it.concurrent("a copy of a command that was put aside comes when nobody remembers the first: no second POST on a guess", async () => {
  await onPrivateRedis(
    async (stage, redis, rabbitMq) => {
      await stage.addWorker();
      await redis.kill();
      const fleet = await sendFleet(stage, 1);
      const [id = ""] = fleet.ids;
      const [serverId = ""] = fleet.serverIds;
      // What at-least-once dead-lettering may do: the same message, once more, without a mark.
      const { channel } = stage.emitter;
      let copy: GetMessage | false = false;
      await eventually(
        async () => {
          copy = await channel.get("ecs.reinstall.delay.1000");
          if (copy !== false) channel.nack(copy);
          return copy !== false;
        },
        { what: "the command in its delay queue", intervalMs: 20, timeoutMs: 30_000 },
      );
      const { content, properties } = copy as unknown as GetMessage;
      await redis.start();
      await allOnce(stage, fleet);
      const unseenUntilMs = Number(properties.headers?.["x-ecs-unseen-until"]);
      await eventually(() => Date.now() > unseenUntilMs, { timeoutMs: 30_000 });
      await redis.flushAll();
      channel.sendToQueue("ecs.reinstall.work", content, properties);
      // The evidence is forgotten too, so that nothing is proven.
      expect((await stage.emitter.event(id, "unresolved", 60_000)).data["why"]).toBe(
        "store-forgot",
      );
      expect(posts(stage, serverId)).toBe(1);
      await eventually(async () => expect(await auditRest(rabbitMq, redis.url, [id])).toEqual([]));
    },
    { env: { JOB_DEADLINE_MS: "9000" } },
  );
});

it.concurrent("a sweeper that died with its lease: the next one takes the lost command up when the lease ends", async () => {
  await onPrivateRedis(
    async (stage, redis) => {
      const doomed = await stage.addWorker([{ label: "step:published", nth: 2, action: "kill" }]);
      const fleet = await sendFleet(stage, 1, { server: { jobDurationMs: 3_000 } });
      await doomed.ended();
      // The submit that nobody acknowledged, and the watch that followed from it.
      let lost = 0;
      await eventually(async () => {
        lost += (await stage.emitter.drain("ecs.reinstall.work")).length;
        return lost === 2;
      });
      await onRedis(redis.url, (client) => client.set(`${KEY}sweeper`, "dead", "PX", 5_000));
      const leaseEndsMs = Date.now() + 5_000;
      const next = await stage.addWorker();
      await allOnce(stage, fleet);
      const taken = next.log().find(({ msg }) => String(msg).includes("were taken up"));
      expect(Date.parse(String(taken?.["time"]))).toBeGreaterThanOrEqual(leaseEndsMs - 100);
      await stage.audit(fleet.ids);
    },
    { env: { SWEEP_INTERVAL_MS: "500", SWEEP_AFTER_MS: "2000" } },
  );
});

it.concurrent("too few replicas have the intent: no POST until one does", async () => {
  const master = await startRedis({ extraArgs: ["--repl-diskless-sync-delay", "0"] });
  const replica = await startReplica(master);
  const services = await sharedServices();
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        redisUrl: master.url,
        env: { ...ENV, REDIS_WAIT_REPLICAS: "1", REDIS_WAIT_TIMEOUT_MS: "200" },
      },
      async (stage) => {
        await stage.addWorker();
        await replica.pause();
        const fleet = await sendFleet(stage, 2);
        await eventually(() => (stage.workers[0]?.output().match(/store-away/g) ?? []).length > 1);
        expect(fleet.serverIds.map((id) => posts(stage, id))).toEqual([0, 0]);
        await replica.resume();
        // The intent of the first try is on record: only proof leads to the next one.
        const plain = await earnTrust(stage);
        await allOnce(stage, fleet);
        await stage.audit([...plain, ...fleet.ids]);
      },
    );
  } finally {
    await services.close();
    await replica.stop();
    await master.stop();
  }
});

it.concurrent("an address that leads to a replica: not ready the whole time, and why", async () => {
  const master = await startRedis({ extraArgs: ["--repl-diskless-sync-delay", "0"] });
  const replica = await startReplica(master);
  const proxy = await startFlakyProxy(Number(new URL(master.url).port));
  const services = await sharedServices();
  try {
    const through = { redis: proxy.via(master.url) };
    await onStage(
      { rabbitMq: services.rabbitMq, redisUrl: master.url, through, env: ENV },
      async (stage) => {
        const worker = await stage.addWorker();
        const fleet = await sendFleet(stage, 5, { server: { jobDurationMs: 12_000 } });
        await allHeard(stage, fleet, "submitted");
        proxy.retarget(Number(new URL(replica.url).port));
        await proxy.set({ kind: "reset" });
        await proxy.set({ kind: "pass" });
        const ready = async () => await (await fetch(`${worker.httpUrl}/readyz`)).text();
        await eventually(async () => expect(await ready()).toContain("is a replica of"));
        // Each step that writes is refused, and connects anew: that is no Redis that is back.
        const untilMs = performance.now() + 5_000;
        while (performance.now() < untilMs) {
          expect(await ready()).toContain('"status":"not ready"');
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
        proxy.retarget(Number(new URL(master.url).port));
        await proxy.set({ kind: "reset" });
        await proxy.set({ kind: "pass" });
        await allOnce(stage, fleet);
        await stage.audit(fleet.ids);
      },
    );
  } finally {
    await services.close();
    await proxy.close();
    await replica.stop();
    await master.stop();
  }
});

it.concurrent("a failover by Sentinel: the new primary is found, and nothing in flight is repeated", async () => {
  const watched = await startWatchedRedis();
  const services = await sharedServices();
  try {
    await onStage(
      {
        rabbitMq: services.rabbitMq,
        // The one that is there in the end.
        redisUrl: watched.replica.url,
        env: {
          ...ENV,
          REDIS_SENTINEL_HOSTS: watched.sentinels
            .map(({ host, port }) => `${host}:${port}`)
            .join(","),
          REDIS_SENTINEL_NAME: watched.masterName,
        },
      },
      async (stage) => {
        await stage.addWorker();
        const running = await sendFleet(stage, 5, { server: { jobDurationMs: 6_000 } });
        await allHeard(stage, running, "submitted");
        await watched.master.kill();
        const coming = await sendFleet(stage, 5);
        await allOnce(stage, running);
        await allOnce(stage, coming);
        await stage.audit([...running.ids, ...coming.ids]);
      },
    );
  } finally {
    await services.close();
    await watched.stop();
  }
});
