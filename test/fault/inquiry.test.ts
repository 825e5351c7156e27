import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Redis } from "ioredis";
import { commandId } from "../support/emitter/emitter.ts";
import { operatorInProcess } from "../support/operator.ts";
import { eventually } from "../support/eventually.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import { openStage, type Stage } from "../support/stage.ts";

let services: SharedServices;
let stage: Stage;

/** The deadline comes before the fence has proven anything: what is not seen at once ends unresolved. */
const SHORT = { POST_FENCE_MS: "6000", JOB_DEADLINE_MS: "9000", EVIDENCE_MIN_SAMPLES: "1000" };

beforeAll(async () => {
  services = await sharedServices();
  const { rabbitMq, redis } = services;
  stage = await openStage({ rabbitMq, redisUrl: redis.url, env: SHORT });
  await stage.addWorker();
});

afterAll(async () => {
  await stage?.close();
  await services?.close();
});

/** A command whose request is lost: nobody can know whether it was carried out, so it ends unresolved. */
async function unresolved(
  name: string,
  meanwhile: (serverId: string) => Promise<void> = async () => {},
  state: "ACTIVE" | "SHUTOFF" = "SHUTOFF",
) {
  const server = stage.simulator.addServer({ state });
  const id = commandId(name);
  stage.simulator.faults.set({ operation: "reinstall", serverId: server.id, lostRequest: true });
  await stage.emitter.send(stage.command(id, server.id));
  await stage.emitter.event(id, "accepted");
  await meanwhile(server.id);
  expect((await stage.emitter.outcome(id)).data.event).toBe("unresolved");
  return { server, id };
}

describe("after unresolved", () => {
  it("the disk is seen replaced a little later: settled, the server is free, the one that joined has succeeded", async () => {
    const joined = commandId("joined");
    const { server, id } = await unresolved("settled", async (serverId) => {
      await stage.emitter.send(stage.command(joined, serverId));
      await stage.emitter.event(joined, "joined");
    });
    server.act({ action: "swap-disk" });
    const { data } = await stage.emitter.event(id, "settled");
    expect(data).toMatchObject({ as: "reinstalled", evidence: "system-disk-replaced" });
    expect((await stage.emitter.outcome(joined)).data.event).toBe("succeeded");
    await stage.audit([id, joined], []);
  });

  it("Redis forgets everything: the server is locked again, and settled all the same", async () => {
    const { server, id } = await unresolved("forgotten");
    const redis = new Redis(services.redis.url);
    const lock = `ecs:{${server.projectId}}:lock:${server.id}`;
    await redis.flushdb();
    await eventually(async () => expect(await redis.hget(lock, "owner")).toBe(id), {
      what: "the lock is back",
    });
    redis.disconnect();
    server.act({ action: "swap-disk" });
    expect((await stage.emitter.event(id, "settled")).data).toMatchObject({ as: "reinstalled" });
  });

  it("Redis forgets everything: unlock waits, and a person's word counts all the same, and the server runs again", async () => {
    const { server, id } = await unresolved("forgotten-word", undefined, "ACTIVE");
    stage.simulator.faults.clear();
    const redis = new Redis(services.redis.url);
    await redis.flushdb();
    const operator = operatorInProcess(services.redis.url, server.projectId);
    const url = stage.workers.at(-1)?.httpUrl ?? "";
    await eventually(
      () =>
        expect(operator("unlock", server.id, "--url", url, "--reason", "r")).rejects.toThrow(
          "the memory of Redis is new",
        ),
      { what: "the lock, put back" },
    );
    redis.disconnect();
    const why = ["--reason", "its disk is the old one", "--by", "ada"];
    await eventually(
      async () =>
        expect(await operator("resolve", id, "--as", "not-reinstalled", ...why)).toContain(
          "it is noted",
        ),
      { what: "the word noted", timeoutMs: 20_000 },
    );
    expect((await stage.emitter.event(id, "settled")).data).toMatchObject({
      as: "not-reinstalled",
      evidence: "person",
      by: "ada",
      power: { before: "on", after: "on" },
    });
    expect([server.isOn, stage.reinstalls(server.id)]).toEqual([true, 0]);
  });

  it("a person's word settles it: published once, the server free, the one that joined goes on", async () => {
    const joined = commandId("joined");
    const { server, id } = await unresolved("resolved", async (serverId) => {
      await stage.emitter.send(stage.command(joined, serverId));
      await stage.emitter.event(joined, "joined");
    });
    stage.simulator.faults.clear();
    const operator = operatorInProcess(services.redis.url, server.projectId);
    const why = ["--reason", "its disk is the old one", "--by", "ada"];
    const resolve = () => operator("resolve", id, "--as", "not-reinstalled", ...why);
    expect(await resolve()).toContain("settled as not-reinstalled");
    await expect(resolve()).rejects.toThrow("settled already, as not-reinstalled");
    expect((await stage.emitter.event(id, "settled")).data).toMatchObject({
      as: "not-reinstalled",
      evidence: "person",
      by: "ada",
      why: "its disk is the old one",
    });
    // Whoever joined goes on by itself, and has the server.
    await stage.emitter.event(joined, "submitted");
    // A worker publishes what people did when it asks next.
    await eventually(
      async () => {
        const acts = stage.emitter.actions().filter(({ data }) => data.command_id === id);
        expect(acts.map(({ data }) => [data.action, data.as])).toEqual([
          ["resolve", "not-reinstalled"],
        ]);
      },
      { what: "the event of the action" },
    );
    await stage.emitter.outcome(joined);
    expect(stage.emitter.story(id).filter((name) => name === "settled")).toHaveLength(1);
    expect(stage.reinstalls(server.id)).toBe(1);
  });

  it.each(["goes on", "is killed, and another one comes"])(
    "a person says that nothing was reinstalled, of a server that we had stopped: it runs again before that counts, and the worker %s",
    async (worker) => {
      const { server, id } = await unresolved("stopped", undefined, "ACTIVE");
      stage.simulator.faults.clear();
      expect(server.isOn).toBe(false);
      const operator = operatorInProcess(services.redis.url, server.projectId);
      const why = ["--reason", "its disk is the old one", "--by", "ada"];
      const said = await operator("resolve", id, "--as", "not-reinstalled", ...why);
      expect(said).toContain("a worker starts it again");
      if (worker !== "goes on") {
        await stage.workers.at(-1)?.kill();
        await stage.addWorker();
      }
      expect((await stage.emitter.event(id, "settled")).data).toMatchObject({
        as: "not-reinstalled",
        evidence: "person",
        by: "ada",
        power: { before: "on", after: "on" },
      });
      expect([server.isOn, stage.reinstalls(server.id)]).toEqual([true, 0]);
      expect(stage.emitter.story(id).filter((name) => name === "settled")).toHaveLength(1);
    },
  );

  it("unlock asks the cloud first, and refuses while something runs there", async () => {
    const { server, id } = await unresolved("unlocked");
    const operator = operatorInProcess(services.redis.url, server.projectId);
    const url = stage.workers.at(-1)?.httpUrl ?? "";
    const unlock = (...more: string[]) =>
      operator("unlock", server.id, "--url", url, "--reason", "looked at it", ...more);
    server.act({ action: "set-task", taskState: "resize_prep" });
    await expect(unlock()).rejects.toThrow("something runs on it");
    await expect(unlock("--owner", "somebody-else")).rejects.toThrow(`is held by ${id}`);
    expect(await unlock("--force")).toContain(`is free: ${id} held it`);
    expect(await unlock()).toContain("was not locked");
  });
});
