import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ownedDirectory } from "../support/processes/child-process.ts";
import { eventually } from "../support/eventually.ts";
import type { Stage } from "../support/stage.ts";
import type { WorkerProcess } from "../support/worker/worker-process.ts";
import { onSharedServices, sendFleet } from "./own-stage.ts";

const ENV = { LOG_LEVEL: "trace" };
const LOST = /ecs_reinstall_log_lines_lost_total (\d+)/;

/** A named pipe that is full already, as a log driver leaves it that stands still. */
async function fullPipe() {
  const path = join((await ownedDirectory("ecs-stuck-")).path, "pipe");
  execFileSync("mkfifo", [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const filling = Buffer.alloc(4096, ".");
  try {
    while (writeSync(fd, filling) > 0);
  } catch {
    // EAGAIN: not one byte more.
  }
  return { path, fd };
}

function readSome(fd: number): string {
  const buffer = Buffer.alloc(1 << 20);
  try {
    return buffer.toString("utf8", 0, readSync(fd, buffer));
  } catch {
    return "";
  }
}

/** Commands are carried out, probes answered, and SIGTERM ends it: with no line written. */
async function worksOn(stage: Stage, worker: WorkerProcess): Promise<void> {
  const fleet = await sendFleet(stage, 3);
  for (const id of fleet.ids) {
    expect((await stage.emitter.outcome(id)).data.event).toBe("succeeded");
  }
  expect((await fetch(`${worker.httpUrl}/livez`)).status).toBe(200);
  await stage.audit(fleet.ids);
}

async function lostLines(worker: WorkerProcess): Promise<number> {
  const page = await (await fetch(`${worker.httpUrl}/metrics`)).text();
  return Number(LOST.exec(page)?.[1]);
}

it.concurrent("a reader of the log that stands still stops no command, no probe and no shutdown", async () => {
  await onSharedServices({ env: { ...ENV, SHUTDOWN_GRACE_MS: "4000" } }, async (stage) => {
    const { path, fd } = await fullPipe();
    const worker = await stage.addWorker([], {}, path);
    await worksOn(stage, worker);
    expect(await worker.stop(10_000)).toBe("exit code 0");
    closeSync(fd);
  });
});

it.concurrent("a reader that goes on reads what waited for it, the last line included", async () => {
  await onSharedServices({ env: ENV }, async (stage) => {
    const { path, fd } = await fullPipe();
    const worker = await stage.addWorker([], {}, path);
    await worksOn(stage, worker);
    worker.process.signal("SIGTERM");
    let text = "";
    const ended = await eventually(() => {
      text += readSome(fd);
      return worker.process.ending ?? false;
    });
    text += readSome(fd);
    expect(ended).toBe("exit code 0");
    expect(text).toContain("worker started");
    expect(text).toContain("worker stopped");
    closeSync(fd);
  });
});

it.concurrent.each([["whose disk is full", "/dev/full"]])(
  "a log %s loses its lines, which are counted, and stops nothing",
  async (_what, path) => {
    await onSharedServices({ env: ENV }, async (stage) => {
      const worker = await stage.addWorker([], {}, path);
      await worksOn(stage, worker);
      expect(await lostLines(worker)).toBeGreaterThan(10);
      expect(await worker.stop(10_000)).toBe("exit code 0");
    });
  },
);

it.concurrent("a reader that is gone loses the lines from then on, and stops nothing", async () => {
  await onSharedServices({ env: ENV }, async (stage) => {
    const path = join((await ownedDirectory("ecs-gone-")).path, "pipe");
    execFileSync("mkfifo", [path]);
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const worker = await stage.addWorker([], {}, path);
    closeSync(fd);
    await worksOn(stage, worker);
    expect(await lostLines(worker)).toBeGreaterThan(10);
    expect(await worker.stop(10_000)).toBe("exit code 0");
  });
});
