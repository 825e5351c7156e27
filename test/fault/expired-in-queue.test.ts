import { expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import type { SharedServices } from "../support/services.ts";
import { onSharedServices, posts } from "./own-stage.ts";

// While no worker runs, what waits in a queue may be too old for the queue, or for itself.

async function layTtlOver(
  { rabbitMq }: SharedServices,
  queue: string,
  ttlMs: number | null,
): Promise<void> {
  const path = `/policies/${rabbitMq.vhost}/ttl`;
  if (ttlMs === null) return void (await rabbitMq.api("DELETE", path));
  await rabbitMq.api("PUT", path, {
    pattern: `^${queue.replaceAll(".", "\\.")}$`,
    definition: { "message-ttl": ttlMs },
    "apply-to": "queues",
  });
}

it.concurrent("a command that expires in its queue ends as expired, with the broker's reason", async () => {
  await onSharedServices({}, async (stage, services) => {
    const depths = () => services.rabbitMq.queueDepths();
    const first = await stage.addWorker();
    await first.kill();
    const [own, queues] = [commandId("own-expiration"), commandId("queue-ttl")];
    const [one, other] = [stage.simulator.addServer(), stage.simulator.addServer()];
    await stage.emitter.send(stage.command(own, one.id), { expiration: "100" });
    await eventually(async () => (await depths())["ecs.reinstall.work.dead"] === 1);
    await layTtlOver(services, "ecs.reinstall.commands", 100);
    await stage.emitter.send(stage.command(queues, other.id));
    await eventually(async () => (await depths())["ecs.reinstall.work.dead"] === 2);
    await layTtlOver(services, "ecs.reinstall.commands", null);
    await stage.addWorker();
    expect((await stage.emitter.outcome(own)).data).toMatchObject({
      event: "expired",
      because: "expiration",
      expiration_ms: 100,
      queue: "ecs.reinstall.commands",
    });
    expect((await stage.emitter.outcome(queues)).data).toMatchObject({
      event: "expired",
      because: "message-ttl",
      queue: "ecs.reinstall.commands",
    });
    expect(posts(stage, one.id) + posts(stage, other.id)).toBe(0);
    await stage.audit([own, queues]);
  });
});

it.concurrent("a step that expires in the work queue goes on, however often that happens", async () => {
  await onSharedServices({}, async (stage, services) => {
    const { emitter, simulator } = stage;
    const worker = await stage.addWorker();
    const [id, server] = [commandId("step-ttl"), simulator.addServer({ state: "SHUTOFF" })];
    // A quorum queue gives a message its time when it comes: later policies are for later messages.
    await layTtlOver(services, "ecs.reinstall.work", 300);
    await emitter.send(stage.command(id, server.id));
    await emitter.event(id, "submitted");
    await worker.kill();
    await eventually(async () => {
      const { "ecs.reinstall.work.dead": dead = 0 } = await services.rabbitMq.queueDepths();
      return dead > 0;
    });
    await layTtlOver(services, "ecs.reinstall.work", null);
    const next = await stage.addWorker();
    expect((await emitter.outcome(id)).data).toMatchObject({ event: "succeeded" });
    expect(next.output()).toContain("the broker took a step out of its queue; it is put back");
    expect(await emitter.drain("ecs.reinstall.dead")).toEqual([]);
    expect(posts(stage, server.id)).toBe(1);
    await stage.audit([id]);
  });
});
