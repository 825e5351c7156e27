import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { onSharedServices, posts } from "./own-stage.ts";

const LONG = Buffer.alloc(30 * 1024 * 1024, " ");
const COUNT = 8;
/** The process itself has 100; all of them in hand would be 240 more, and each is there twice while it is put together. */
const MOST_MIB = 340;

const peakMib = (pid: number) =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;

it("messages of 30 MiB are refused, one by one, by a worker with little memory", async () => {
  await onSharedServices({ env: { NODE_OPTIONS: "--max-old-space-size=96" } }, async (stage) => {
    const first = await stage.addWorker();
    await first.kill();
    const long = Array.from({ length: COUNT }, (_, n) => commandId(`long-${n}`));
    for (const messageId of long) await stage.emitter.send(LONG, { messageId });
    const [id, server] = [commandId("after"), stage.simulator.addServer({ state: "SHUTOFF" })];
    await stage.emitter.send(stage.command(id, server.id));
    const worker = await stage.addWorker();
    for (const one of long) {
      expect((await stage.emitter.outcome(one)).data).toMatchObject({
        event: "rejected",
        problems: [{ code: "too_big" }],
      });
    }
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
    expect(posts(stage, server.id)).toBe(1);
    expect(worker.process.ending).toBeUndefined();
    expect(worker.output()).toContain("message is far too long; set max_message_size");
    expect(peakMib(worker.pid)).toBeLessThan(MOST_MIB);
    await stage.audit([id]);
  });
});
