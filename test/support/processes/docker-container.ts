import { randomBytes } from "node:crypto";
import { run } from "./child-process.ts";
import { bequeath } from "./reaper.ts";

export interface Container {
  readonly name: string;
  /** Of its first process on this machine; undefined while it is down. */
  readonly pid: number | undefined;
  /** Creates it the first time, starts it again with its data later. */
  start(): Promise<void>;
  kill(): Promise<void>;
  terminate(graceSeconds: number): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  exec(command: readonly string[]): Promise<string>;
  /** What it last said, once it has ended. */
  failure(): Promise<string | undefined>;
  /** Removes it with its volumes; `start` then creates it afresh. */
  remove(): Promise<void>;
}

/** A container that ends with us. `options` are those of `docker run` before the image. */
export function container(
  image: string,
  options: readonly string[],
  command: readonly string[] = [],
): Container {
  const name = uniqueName();
  let created: (() => void) | undefined;
  let pid: number | undefined;
  const state = (format: string) => docker("inspect", "--format", format, name);
  return {
    name,
    get pid() {
      return pid;
    },
    async start() {
      if (created === undefined) {
        created = bequeath("container", name);
        await docker("create", "--name", name, ...options, image, ...command);
      }
      await docker("start", name);
      pid = Number((await state("{{.State.Pid}}")).trim()) || undefined;
    },
    async kill() {
      if (created === undefined || pid === undefined) return;
      pid = undefined;
      // A container that has ended by itself, or is paused, needs no other treatment than this.
      await docker("unpause", name).catch(() => undefined);
      await docker("kill", name).catch(() => undefined);
      await docker("wait", name);
    },
    async terminate(graceSeconds) {
      await docker("stop", "--time", `${graceSeconds}`, name);
      pid = undefined;
    },
    pause: async () => void (await docker("pause", name)),
    resume: async () => void (await docker("unpause", name)),
    exec: (args) => docker("exec", name, ...args),
    async failure() {
      if ((await state("{{.State.Running}}")).trim() === "true") return undefined;
      return docker("logs", "--tail", "30", name);
    },
    async remove() {
      if (created === undefined) return;
      await docker("rm", "-f", "-v", name);
      created();
      created = undefined;
      pid = undefined;
    },
  };
}

/** A network in which containers find each other by name. */
export async function containerNetwork(): Promise<{
  readonly name: string;
  remove(): Promise<void>;
}> {
  const name = uniqueName();
  const removed = bequeath("network", name);
  await docker("network", "create", name);
  return {
    name,
    async remove() {
      await docker("network", "rm", name);
      removed();
    },
  };
}

/** Makes a port reachable from this machine only, under the same number inside and outside. */
export function published(port: number): readonly string[] {
  return [`--publish=127.0.0.1:${port}:${port}`];
}

const uniqueName = () => `ecs-test-${randomBytes(6).toString("hex")}`;

/** The first start may have to fetch the image. */
const docker = (...args: readonly string[]) => run("docker", args, { timeoutMs: 300_000 });
