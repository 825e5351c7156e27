import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import type { SimulatedServer } from "../../src/simulator/simulator.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { operatorInProcess } from "../support/operator.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";
import { posts } from "./own-stage.ts";

let stage: SharedStage;
let operator: ReturnType<typeof operatorInProcess>;

/** The stage of one group: a worker with these brakes on, all others off. */
function withBrakes(env: Readonly<Record<string, string>>): void {
  beforeAll(async () => {
    stage = await openOnSharedServices({ env });
    operator = operatorInProcess(stage.services.redis.url, DEFAULT_PROJECT_ID);
    await stage.addWorker();
  });
  afterAll(async () => {
    await stage?.close();
  });
}

/** Sends a command and answers its id. */
async function send(name: string, { id }: SimulatedServer, more: object = {}): Promise<string> {
  const command = commandId(name);
  await stage.emitter.send(stage.command(command, id, { ...more }));
  return command;
}

const outcomeOf = async (id: string) => (await stage.emitter.outcome(id, 60_000)).data;

describe("approval", () => {
  withBrakes({ BRAKES_APPROVAL: "db" });

  it("is waited for by commands of the group; a person gives it, and everybody sees who", async () => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const id = await send("asks", server, { group: "db" });
    const { data } = await stage.emitter.event(id, "waiting");
    expect(data).toMatchObject({
      waits_for: "approval",
      brake: { name: "approval", scope: "group:db" },
      detail: `a person must approve it (group:db): ecs-reinstall approve ${id} --project ${DEFAULT_PROJECT_ID} --reason …`,
    });
    expect(server.isOn).toBe(true);
    await expect(operator("approve", id, "no-such-command", "--reason", "looked")).rejects.toThrow(
      "no command no-such-command in this project",
    );
    expect(stage.emitter.story(id)).toEqual(["accepted", "waiting"]);
    const said = await operator("approve", id, "--reason", "looked at it", "--by", "ada");
    expect(said).toContain(`${id}: approved by ada`);
    expect((await outcomeOf(id)).event).toBe("succeeded");
    const actions = () =>
      stage.emitter.actions().map(({ data }) => [data.action, data.command_id, data.by]);
    await eventually(() => expect(actions()).toEqual([["approve", id, "ada"]]));
    await expect(operator("approve", id, "--reason", "again")).rejects.toThrow(
      `${id} has ended: succeeded`,
    );
    await stage.audit([id]);
  });
});

describe("approval of a command that others have joined", () => {
  withBrakes({ BRAKES_APPROVAL: "db" });

  it("who joined expires when its own time is over, and the one that waits goes on", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const leader = await send("leads", server, { group: "db" });
    await stage.emitter.event(leader, "waiting");
    const expires_at = new Date(Date.now() + 3_000).toISOString();
    const joiner = await send("joins", server, { group: "db", expires_at });
    await stage.emitter.event(joiner, "joined");
    const said = await operator("approve", joiner, "--reason", "looked at it");
    expect(said).toContain(`it has joined ${leader}`);
    expect(said).toContain(`ecs-reinstall approve ${leader} --project`);
    expect(await outcomeOf(joiner)).toMatchObject({ event: "expired", because: "expires_at" });
    await operator("approve", leader, "--reason", "looked at it");
    expect((await outcomeOf(leader)).event).toBe("succeeded");
    expect(stage.reinstalls(server.id)).toBe(1);
    await stage.audit([leader, joiner]);
  });
});

describe("windows that are closed", () => {
  withBrakes({ BRAKES_WINDOWS: '[{"rule":"deny","zone":"Europe/Paris"}]' });

  it("hold a command, and let one go that lifts them for itself, and the events say so", async () => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const held = await send("held", server);
    const { data } = await stage.emitter.event(held, "waiting");
    expect(data).toMatchObject({
      waits_for: "windows",
      brake: { name: "windows", reason: "within the window deny Europe/Paris" },
    });
    expect(server.isOn).toBe(true);
    const other = stage.simulator.addServer({ state: "SHUTOFF" });
    const urgent = await send("urgent", other, { override: ["windows"], reason: "it burns" });
    expect((await outcomeOf(urgent)).event).toBe("succeeded");
    const accepted = await stage.emitter.event(urgent, "accepted");
    expect(accepted.data["override"]).toEqual(["windows"]);
    expect(posts(stage, server.id)).toBe(0);
    await operator("cancel", held, "--reason", "not needed any more");
    expect((await outcomeOf(held)).event).toBe("cancelled");
    await stage.audit([held, urgent]);
  });
});

describe("one server", () => {
  withBrakes({ BRAKES_COOLDOWN_MS: "4000" });
  /** Its stop takes long enough for a brake to be put on meanwhile. */
  const slow = { state: "ACTIVE", stopDurationMs: 5_000 } as const;

  it("rests after a reinstall: the next command waits until the instant that it says, then goes", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const first = await send("first", server);
    expect((await outcomeOf(first)).event).toBe("succeeded");
    const second = await send("second", server);
    const { data } = await stage.emitter.event(second, "waiting");
    expect(data).toMatchObject({
      waits_for: "cooldown",
      brake: { name: "cooldown", command_id: first, until: expect.any(String) },
    });
    expect(posts(stage, server.id)).toBe(1);
    expect((await outcomeOf(second)).event).toBe("succeeded");
    const submitted = await stage.emitter.event(second, "submitted");
    const { until } = data["brake"] as { readonly until: string };
    expect(Date.parse(submitted.time)).toBeGreaterThanOrEqual(Date.parse(until));
    expect(stage.reinstalls(server.id)).toBe(2);
    await stage.audit([first, second]);
  });

  it("is protected while it stops: it runs again, and no command reinstalls it until unprotect", async () => {
    const server = stage.simulator.addServer(slow);
    const stopping = await send("stopping", server);
    await stage.emitter.event(stopping, "stopping");
    await operator("protect", server.id, "--reason", "the database", "--by", "ada");
    expect(await outcomeOf(stopping)).toMatchObject({
      event: "rejected",
      problems: [{ code: "protected" }],
      brake: { name: "protected", scope: "operator", by: "ada", reason: "the database" },
    });
    expect(server.isOn).toBe(true);
    const refused = await send("refused", server);
    expect((await outcomeOf(refused)).event).toBe("rejected");
    expect(posts(stage, server.id)).toBe(0);
    await operator("unprotect", server.id, "--reason", "moved");
    const last = await send("last", server);
    expect((await outcomeOf(last)).event).toBe("succeeded");
    await stage.audit([stopping, refused, last]);
  });

  it.each([
    ["never", ["ecs-reinstall=never"]],
    ["unreadable", ["ecs-reinstall=never", "ecs-reinstall=allowed"]],
  ])(
    "is marked %s in the cloud while it stops: it runs again, and is not reinstalled",
    async (word, tags) => {
      const server = stage.simulator.addServer(slow);
      const stopping = await send(`stopping-${word}`, server);
      await stage.emitter.event(stopping, "stopping");
      server.patch({ tags });
      expect(await outcomeOf(stopping)).toMatchObject({
        event: "rejected",
        problems: [{ code: "protected" }],
        brake: { name: "protected", scope: "cloud mark" },
      });
      expect(server.isOn).toBe(true);
      const refused = await send(`refused-${word}`, server);
      expect((await outcomeOf(refused)).event).toBe("rejected");
      expect(stage.emitter.story(refused)).toEqual(["rejected"]);
      expect(posts(stage, server.id)).toBe(0);
      await stage.audit([stopping, refused]);
    },
  );
});

describe("marked servers only, three times a day", () => {
  withBrakes({ BRAKES_ALLOW: "marked", BRAKES_SERVER_LIMIT: "3" });
  const tags = ["ecs-reinstall=allowed"];

  it("a server without the mark is not touched", async () => {
    const server = stage.simulator.addServer({ state: "ACTIVE" });
    const id = await send("unmarked", server);
    expect((await outcomeOf(id)).event).toBe("rejected");
    expect(stage.simulator.calls(server.id).stop).toBe(0);
    expect(posts(stage, server.id)).toBe(0);
    server.patch({ tags });
    const again = await send("marked", server);
    expect((await outcomeOf(again)).event).toBe("succeeded");
    await stage.audit([id, again]);
  });

  it("the fourth reinstall of a server ends quarantined and lists the three; release lets it out", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF", tags });
    const earlier: string[] = [];
    for (const name of ["one", "two", "three"]) {
      const id = await send(name, server, { reason: `flaps ${name}`, source: "detector" });
      expect((await outcomeOf(id)).event).toBe("succeeded");
      earlier.push(id);
    }
    const fourth = await send("four", server);
    expect(await outcomeOf(fourth)).toMatchObject({
      event: "quarantined",
      limit: 3,
      reinstalls: earlier.map((id, index) => ({
        command_id: id,
        source: "detector",
        reason: `flaps ${["one", "two", "three"][index]}`,
        outcome: "succeeded",
      })),
    });
    expect(posts(stage, server.id)).toBe(3);
    const listed = async () => {
      const out = await operator("list", "brakes", "--url", stage.workers[0]?.httpUrl ?? "");
      return new RegExp(`${server.id}.* ${fourth} `).test(out);
    };
    expect(await listed()).toBe(true);
    await operator("release", server.id, "--reason", "a new power supply");
    expect(await listed()).toBe(false);
    const fifth = await send("five", server);
    expect((await outcomeOf(fifth)).event).toBe("succeeded");
    await stage.audit([...earlier, fourth, fifth]);
  });
});

describe("the last reinstall that a server may have in a day", () => {
  withBrakes({ BRAKES_SERVER_LIMIT: "1" });

  it("is shared by who asks for the same while it runs, and nobody is quarantined for that", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 3_000 });
    const only = await send("only", server);
    await stage.emitter.event(only, "submitted");
    const again = await send("again", server);
    expect((await stage.emitter.event(again, "joined")).data["leader"]).toBe(only);
    const url = stage.workers[0]?.httpUrl ?? "";
    const explained = await operator("explain", again, "--url", url);
    expect(explained).toContain(`It has joined command ${only}, which has the server`);
    expect(explained).not.toContain("ecs-reinstall release");
    expect((await outcomeOf(again)).event).toBe("succeeded");
    expect(stage.emitter.story(again)).toEqual(["accepted", "joined", "succeeded"]);
    expect(stage.reinstalls(server.id)).toBe(1);
    const later = await send("later", server);
    expect((await outcomeOf(later)).event).toBe("quarantined");
    await stage.audit([only, again, later]);
  });
});

describe("a storm of failures", () => {
  withBrakes({ BRAKES_STORM_SAME: "5" });

  it("after five with changing codes nothing starts, and no server is stopped, until a person resumes", async () => {
    const codes = ["Ecs.0202", "Ecs.0208", "Ecs.0306", "Ecs.0999", "Common.9999"];
    const failed: string[] = [];
    for (const [index, code] of codes.entries()) {
      const server = stage.simulator.addServer({ state: "SHUTOFF" });
      stage.simulator.faults.set({
        operation: "reinstall",
        serverId: server.id,
        run: { fail: { code, server: "error" } },
      });
      const id = await send(`broken-${index}`, server);
      expect((await outcomeOf(id)).event).toBe("failed");
      failed.push(id);
    }
    const sixth = stage.simulator.addServer({ state: "ACTIVE" });
    const id = await send("sixth", sixth);
    const { data } = await stage.emitter.event(id, "waiting");
    expect(data).toMatchObject({
      waits_for: "storm-failures",
      brake: { name: "storm-failures", since: expect.any(String), until: expect.any(String) },
    });
    expect(data["detail"]).toContain("resume storm-failures");
    expect(stage.simulator.ledger().servers[sixth.id]?.reinstallsRequested ?? 0).toBe(0);
    expect(stage.simulator.calls().reinstall).toBe(5);
    expect(sixth.isOn).toBe(true);

    // The pause stands beside the storm: resume has to be told which one is meant.
    await operator("pause", "--reason", "let me look");
    await expect(operator("resume", "--reason", "done")).rejects.toThrow("name one");
    await operator("resume", "storm-failures", "--reason", "the image is mended");
    expect((await stage.emitter.event(id, "accepted")).data.command_id).toBe(id);
    expect(stage.simulator.calls().reinstall).toBe(5);
    await operator("resume", "--reason", "done");
    expect((await outcomeOf(id)).event).toBe("succeeded");
    expect(stage.simulator.calls().reinstall).toBe(6);
    await stage.audit([...failed, id]);
  });
});
