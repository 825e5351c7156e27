import { expect, it } from "vitest";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import type { Stage } from "../support/stage.ts";
import { onSharedServices } from "./own-stage.ts";

const A = DEFAULT_PROJECT_ID;
const B = "b".repeat(32);

/** Two projects of one worker. */
const TWO = {
  env: { ECS_PROJECTS: `${A},${B}`, ECS_AUTH_BREAKER_OPEN_MS: "3000" },
  simulator: { projects: [A, B].map((id) => ({ id, name: id.slice(0, 4) })), jobDurationMs: 300 },
} as const;
const REFUSED = { operation: "any", error: "APIGW.0301" } as const;

interface Sent {
  readonly id: string;
  readonly serverId: string;
}

async function send(stage: Stage, project: string, name: string): Promise<Sent> {
  const server = stage.simulator.addServer({ state: "SHUTOFF", projectId: project });
  const id = commandId(name);
  await stage.emitter.send(stage.command(id, server.id, { project_id: project }));
  return { id, serverId: server.id };
}

/** A worker whose first question has shown that its credentials are right. */
async function provenWorker(stage: Stage) {
  const worker = await stage.addWorker();
  const get = async (path: string) => (await fetch(`${worker.httpUrl}${path}`)).text();
  await eventually(async () => expect(await get("/readyz")).toContain("credentials: up"));
  return { worker, get };
}

it.concurrent("one project whose calls are refused waits alone, is named, and goes on by itself", async () => {
  await onSharedServices(TWO, async (stage) => {
    const { worker, get } = await provenWorker(stage);
    stage.simulator.faults.set({ ...REFUSED, projectId: B });
    const refused: Sent[] = [];
    const others: Sent[] = [];
    // Together, so that they meet each other's answers; then one more.
    for (let index = 0; index < 4; index += 1) {
      refused.push(await send(stage, B, `refused-${index}`));
      others.push(await send(stage, A, `other-${index}`));
    }
    for (const { id } of refused) {
      const { data } = await stage.emitter.event(id, "waiting");
      expect(data["waits_for"]).toBe("cloud-unavailable");
      expect(data["detail"]).toMatch(/HTTP 401 APIGW\.0301/);
    }
    others.push(await send(stage, A, "other-late"));
    for (const { id } of others) {
      expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
      const events = stage.emitter.heard(id).map(({ event }) => event.data.event);
      expect(events).not.toContain("waiting");
    }
    const named = `credentials: up, but the cloud refuses them for project ${B}`;
    await eventually(async () => expect(await get("/readyz")).toContain(named));
    expect((await fetch(`${worker.httpUrl}/readyz`)).status).toBe(200);
    // The log follows with the worker's next look at it.
    const logged = "the cloud refuses the credentials for one project";
    await eventually(() => expect(worker.output()).toContain(logged));
    const page = await get("/metrics");
    expect(page).toContain('ecs_reinstall_breaker_state{breaker="auth"} 0');
    expect(page).toMatch(
      new RegExp(`cloud_requests_total{[^}]*outcome="unauthenticated",project="${B}"} [1-9]`),
    );
    const command = await get(`/v1/commands/${refused[0]?.id}`);
    const { explanation } = JSON.parse(command) as { explanation: string[] };
    expect(explanation.join("\n")).toMatch(/It waits: .*HTTP 401 APIGW\.0301/);

    stage.simulator.faults.clear();
    for (const { id } of refused) {
      expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
    }
    const taken = "the cloud takes the credentials for a project again";
    await eventually(() => worker.output().includes(taken));
    const all = [...refused, ...others];
    expect(all.map(({ serverId }) => stage.reinstalls(serverId))).toEqual(all.map(() => 1));
    await stage.audit(all.map(({ id }) => id));
  });
});

it.concurrent("all projects whose calls are refused stop everything, and go on by themselves", async () => {
  await onSharedServices(TWO, async (stage) => {
    const { worker } = await provenWorker(stage);
    stage.simulator.faults.set(REFUSED);
    const asked = () => Object.values(stage.simulator.calls()).reduce((a, b) => a + b, 0);
    const before = asked();
    const sent = await Promise.all(
      [A, B, A, B].map((project, index) => send(stage, project, `all-${index}`)),
    );
    for (const { id } of sent) await stage.emitter.event(id, "waiting");
    await eventually(async () => (await fetch(`${worker.httpUrl}/readyz`)).status === 503);
    expect(asked() - before).toBeLessThanOrEqual(5);
    stage.simulator.faults.clear();
    for (const { id } of sent) {
      expect((await stage.emitter.outcome(id, 60_000)).data.event).toBe("succeeded");
    }
    expect(sent.map(({ serverId }) => stage.reinstalls(serverId))).toEqual([1, 1, 1, 1]);
    await stage.audit(sent.map(({ id }) => id));
  });
});

it.concurrent.each([2, 1])(
  "four replicas that start with a first project that is refused, %i refusals stop all: the other goes on at once, with and without commands",
  async (failures) => {
    const env = {
      ECS_PROJECTS: `${B},${A}`,
      ECS_AUTH_BREAKER_FAILURES: `${failures}`,
      ECS_AUTH_BREAKER_OPEN_MS: "300000",
    };
    await onSharedServices({ ...TWO, env }, async (stage) => {
      stage.simulator.faults.set({ ...REFUSED, projectId: B });
      const workers = await Promise.all([1, 2, 3, 4].map(() => stage.spawnWorker()));
      // No command shows it to them.
      await Promise.all(workers.map((worker) => worker.ready()));
      const sent = await Promise.all(
        Array.from({ length: 8 }, (_, index) => send(stage, A, `other-${index}`)),
      );
      const refused = await send(stage, B, "refused");
      for (const { id } of sent) {
        expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
      }
      const { data } = await stage.emitter.event(refused.id, "waiting");
      expect(data["detail"]).toMatch(/HTTP 401 APIGW\.0301/);
      for (const { httpUrl } of workers) {
        expect((await fetch(`${httpUrl}/readyz`)).status).toBe(200);
      }
      expect(sent.map(({ serverId }) => stage.reinstalls(serverId))).toEqual(sent.map(() => 1));
    });
  },
);
