import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OperatorEvent } from "../../src/contract/operator-event.ts";
import { shownOwner } from "../../src/core/state/lock-owner.ts";
import { run } from "../support/processes/child-process.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { BIN, operatorInProcess, operatorOf } from "../support/operator.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

let stage: SharedStage;

beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
});

afterAll(() => stage?.close());

/** The command line as an operator types it. The last test starts the program itself. */
function cli(projectId: string, ...args: string[]): Promise<string> {
  return operatorInProcess(stage.services.redis.url, projectId)(...args);
}

const WHY = ["--reason", "as the test says"];

/** This file's part of the shared Redis loses its memory. */
async function forgetEverything(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushdb();
  redis.disconnect();
}

it("cancel ends a command that waits, and comes too late for one that is submitted", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 8_000 });
  const [first, second] = [commandId("runs"), commandId("waits")];
  await stage.emitter.send(stage.command(first, server.id));
  await stage.emitter.event(first, "submitted");
  await stage.emitter.send(stage.command(second, server.id, { on_busy: "wait" }));
  await stage.emitter.event(second, "waiting");
  await expect(cli(server.projectId, "cancel", first, ...WHY)).rejects.toThrow(
    "cannot be called back",
  );
  expect(await cli(server.projectId, "cancel", second, ...WHY)).toContain("ends at its next step");
  expect((await stage.emitter.outcome(second)).data.event).toBe("cancelled");
  expect((await stage.emitter.outcome(first)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(1);
  await stage.audit([first, second]);
});

it("cancel ends one command only: who has joined it goes on by itself", async () => {
  const server = stage.simulator.addServer({ state: "ACTIVE", stopDurationMs: 10_000 });
  const [lead, joiner] = [commandId("leads"), commandId("joins")];
  await stage.emitter.send(stage.command(lead, server.id));
  await stage.emitter.event(lead, "stopping");
  await stage.emitter.send(stage.command(joiner, server.id));
  await stage.emitter.event(joiner, "joined");
  expect(await cli(server.projectId, "cancel", lead, ...WHY)).toContain("ends at its next step");
  expect((await stage.emitter.outcome(lead)).data.event).toBe("cancelled");
  const { data } = await stage.emitter.outcome(joiner);
  expect(data.event).toBe("succeeded");
  expect(data).not.toHaveProperty("leader");
  expect(stage.reinstalls(server.id)).toBe(1);
  await stage.audit([lead, joiner]);
});

it("cancel names who has joined, and --joined ends them, too", async () => {
  const server = stage.simulator.addServer({ state: "ACTIVE", stopDurationMs: 12_000 });
  const url = stage.workers[0]?.httpUrl ?? "";
  const [lead, joiner] = [commandId("leads"), commandId("joins")];
  await stage.emitter.send(stage.command(lead, server.id));
  await stage.emitter.event(lead, "stopping");
  await stage.emitter.send(stage.command(joiner, server.id));
  await stage.emitter.event(joiner, "joined");
  const said = await cli(server.projectId, "cancel", lead, "--joined", "--url", url, ...WHY);
  expect(said).toContain(`${joiner}, which had joined it, ends at its next step`);
  for (const id of [lead, joiner]) {
    expect((await stage.emitter.outcome(id)).data.event).toBe("cancelled");
  }
  expect(stage.reinstalls(server.id)).toBe(0);
  await stage.audit([lead, joiner]);
});

it("cancel by a filter ends all that wait, and nothing without a yes", async () => {
  const servers = [1, 2].map(() => stage.simulator.addServer({ state: "SHUTOFF" }));
  const [{ projectId } = { projectId: "" }] = servers;
  const url = stage.workers[0]?.httpUrl ?? "";
  const ids = servers.map(() => commandId("filtered"));
  const pause = ["--group", "filtered", "--reason", "hold them"];
  await cli(projectId, "pause", ...pause);
  for (const [index, server] of servers.entries()) {
    await stage.emitter.send(stage.command(ids[index] ?? "", server.id, { group: "filtered" }));
    await stage.emitter.event(ids[index] ?? "", "waiting");
  }
  const cancel = (...more: string[]) =>
    cli(projectId, "cancel", "--group", "filtered", "--url", url, ...WHY, ...more);
  // The list of the worker follows what it says by a moment.
  await eventually(() => expect(cancel()).rejects.toThrow("--yes cancels these 2 commands"));
  expect(await cancel("--yes")).toContain("2 of 2 commands end at their next step");
  for (const id of ids) expect((await stage.emitter.outcome(id)).data.event).toBe("cancelled");
  await cli(projectId, "resume", ...pause);
  await stage.audit(ids);
});

it("pause lets nothing start and says who, when and why; resume lets it go on", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("paused");
  const said = await cli(server.projectId, "pause", "--reason", "maintenance", "--by", "ada");
  expect(said).toContain(`reinstalls in ${server.projectId} are paused`);
  expect(said).not.toContain("No worker has said");
  await stage.emitter.send(stage.command(id, server.id));
  const { data } = await stage.emitter.event(id, "waiting");
  expect(data).toMatchObject({
    waits_for: "pause",
    brake: { scope: "project", by: "ada", reason: "maintenance", since: expect.any(String) },
  });
  expect(stage.simulator.calls(server.id).reinstall).toBe(0);
  const resumed = await cli(server.projectId, "resume", "--reason", "over");
  expect(resumed).toContain(`reinstalls in ${server.projectId} go on`);
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
});

it("pause holds what is being prepared: its disk is not wiped until resume", async () => {
  const server = stage.simulator.addServer({ state: "ACTIVE", stopDurationMs: 6_000 });
  const id = commandId("preparing");
  await stage.emitter.send(stage.command(id, server.id));
  await stage.emitter.event(id, "stopping");
  await cli(server.projectId, "pause", "--server", server.id, "--reason", "wait for me");
  expect((await stage.emitter.event(id, "waiting")).data).toMatchObject({
    waits_for: "pause",
    brake: { scope: `server:${server.id}` },
  });
  expect(stage.reinstalls(server.id)).toBe(0);
  await cli(server.projectId, "resume", "--server", server.id, "--reason", "over");
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(1);
  await stage.audit([id]);
});

it("a pause that Redis forgets is put back by the workers, and holds", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("forgotten-pause");
  await cli(server.projectId, "pause", "--reason", "maintenance");
  await forgetEverything(stage.services.redis.url);
  await stage.emitter.send(stage.command(id, server.id));
  expect((await stage.emitter.event(id, "waiting")).data).toMatchObject({ waits_for: "pause" });
  expect(stage.reinstalls(server.id)).toBe(0);
  const resumed = await cli(server.projectId, "resume", "--reason", "over");
  expect(resumed).toContain("go on");
  expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
});

it("unlock frees what an unresolved command left, and never an open command's lock", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 8_000 });
  const open = commandId("open");
  await stage.emitter.send(stage.command(open, server.id));
  await stage.emitter.event(open, "submitted");
  const unlock = (owner: string) =>
    cli(server.projectId, "unlock", server.id, "--owner", owner, "--force", ...WHY);
  await expect(unlock(open)).rejects.toThrow("still on its way");
  await expect(unlock("somebody-else")).rejects.toThrow("is held by");
  await stage.emitter.outcome(open);
  expect(await unlock(open)).toContain("was not locked");
});

describe("send", () => {
  /** A shell with `ecs` for the program; answers its output and exit code. */
  async function shell(script: string): Promise<{ said: string; exit: string }> {
    const env = { PATH: process.env["PATH"], AMQP_URL: stage.services.rabbitMq.url };
    const said = await run(
      "bash",
      ["-c", `ecs() { exec ${process.execPath} ${BIN} "$@"; }\n${script}`],
      { env },
    );
    return { said, exit: /exit=([\d ]+)/.exec(said)?.[1]?.trim() ?? "" };
  }
  const send = (serverId: string, id: string) =>
    `ecs send --server ${serverId} --keyname k --userid u --id ${id} --wait`;

  it("--wait ends by a signal with a word: the command goes on, and how to follow it", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 4_000 });
    const id = commandId("interrupted");
    const { said, exit } = await shell(`
      log=$(mktemp)
      ( ${send(server.id, id)} ) > "$log" 2>&1 & pid=$!
      until grep -q "is queued" "$log"; do sleep 0.05; done
      kill -INT $pid; wait $pid; code=$?
      cat "$log"; rm "$log"; echo "exit=$code"`);
    expect(exit).toBe("130");
    expect(said).toMatch(
      /interrupted: the command goes on. Follow it: node .*ecs-reinstall.js status/,
    );
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  });

  it("--json whose reader has read enough ends quietly", async () => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const id = commandId("head");
    const { said, exit } = await shell(`
      ( ${send(server.id, id)} --json ) 2>&1 | head -1
      echo "exit=\${PIPESTATUS[0]}"`);
    expect(said.split("\n")[0]).toContain('"accepted"');
    expect(said).not.toContain("EPIPE");
    expect(exit).toBe("141");
    await stage.emitter.outcome(id);
  });
});

it.each(["ops/resizer-7f9c", "line\nbreak"])(
  "another service's lock is waited for by name, and a person can free it: %j",
  async (owner) => {
    const server = stage.simulator.addServer({ state: "SHUTOFF" });
    const { projectId } = server;
    const id = commandId("behind");
    const client = new Redis(stage.services.redis.url);
    try {
      const lock = { owner, token: 1, operation: "resize", since: Date.now(), phase: "running" };
      await client.hset(`ecs:{${projectId}}:lock:${server.id}`, lock);
    } finally {
      client.disconnect();
    }
    await stage.emitter.send(stage.command(id, server.id));
    const { data } = await stage.emitter.event(id, "waiting");
    const shown = shownOwner(owner);
    expect(data).toMatchObject({ waits_for: "server-busy", holder: shown });
    const unlock = (name: string) =>
      cli(projectId, "unlock", server.id, "--owner", name, "--force", ...WHY);
    await expect(unlock("somebody-else")).rejects.toThrow(shown);
    expect(await unlock(shown)).toContain("is free");
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(stage.emitter.story(id).filter((name) => name === "succeeded")).toHaveLength(1);
    await stage.audit([id]);
  },
);

it("protect ends the reinstall of a server, also one that waits, until unprotect", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 3_000 });
  const [runs, waits] = [commandId("runs"), commandId("waits")];
  const [late, again] = [commandId("late"), commandId("again")];
  await stage.emitter.send(stage.command(runs, server.id));
  await stage.emitter.event(runs, "submitted");
  await stage.emitter.send(stage.command(waits, server.id, { on_busy: "wait" }));
  await stage.emitter.event(waits, "waiting");
  const why = ["--reason", "the database", "--by", "ada"];
  expect(await cli(server.projectId, "protect", server.id, ...why)).toContain("is protected");
  await stage.emitter.send(stage.command(late, server.id));
  for (const id of [waits, late]) {
    const { data } = await stage.emitter.outcome(id);
    expect(data).toMatchObject({
      event: "rejected",
      problems: [{ path: "server_id", code: "protected" }],
      brake: { name: "protected", scope: "operator", by: "ada", reason: "the database" },
    });
  }
  expect((await stage.emitter.outcome(runs)).data.event).toBe("succeeded");
  const lifted = await cli(server.projectId, "unprotect", server.id, "--reason", "moved");
  expect(lifted).toContain("may be reinstalled again");
  await stage.emitter.send(stage.command(again, server.id));
  expect((await stage.emitter.outcome(again)).data.event).toBe("succeeded");
  expect(stage.reinstalls(server.id)).toBe(2);
  await stage.audit([runs, waits, late, again]);
});

it("what a person does by hand is published once, and listed: who, when, why", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF" });
  const id = commandId("by-hand");
  const { projectId } = server;
  const url = stage.workers[0]?.httpUrl ?? "";
  const operator = operatorOf(stage.services.redis.url, projectId);
  const about = () =>
    stage.emitter.actions().filter(({ data }) => [server.id, id].includes(aboutOf(data)));
  await operator("pause", "--server", server.id, "--reason", "look at it", "--by", "ada");
  await stage.emitter.send(stage.command(id, server.id));
  await stage.emitter.event(id, "waiting");
  await operator("cancel", id, "--reason", "sent by mistake", "--by", "bob");
  await operator("resume", "--server", server.id, "--reason", "seen", "--by", "ada");
  await eventually(() => expect(about()).toHaveLength(3), { what: "three actions" });
  expect(about().map(({ type, data }) => [type, data.by, data.reason])).toEqual([
    ["ecs.reinstall.operator.pause.v1", "ada", "look at it"],
    ["ecs.reinstall.operator.cancel.v1", "bob", "sent by mistake"],
    ["ecs.reinstall.operator.resume.v1", "ada", "seen"],
  ]);
  const counted = new RegExp(
    `ecs_reinstall_operator_actions_total\\{action="cancel",project="${projectId}"\\} [1-9]`,
  );
  await eventually(async () => {
    const pages = stage.workers.map(async (one) => (await fetch(`${one.httpUrl}/metrics`)).text());
    expect((await Promise.all(pages)).join("\n")).toMatch(counted);
  });
  const said = await operator("audit", "--url", url, "--by", "bob");
  expect(said).toMatch(new RegExp(`bob.*cancel.*${id}.*sent by mistake`));
  const asked = await operator("audit", "--url", url, "--server", server.id, "--json");
  const { actions } = JSON.parse(asked) as { actions: { action: string; id: string }[] };
  expect(actions.map(({ action }) => action)).toEqual(["resume", "pause"]);
  // Another worker takes its turn, and finds everything published.
  await stage.addWorker();
  expect((await stage.emitter.outcome(id)).data.event).toBe("cancelled");
  await operator("pause", "--server", server.id, "--reason", "the last word");
  await operator("resume", "--server", server.id, "--reason", "the very last word");
  await eventually(() => expect(about()).toHaveLength(5), { what: "two more" });
  expect(new Set(about().map((event) => event.id)).size).toBe(5);
});

const aboutOf = (data: OperatorEvent["data"]) => data.command_id ?? data.server_id ?? "";
