import { setTimeout as sleep } from "node:timers/promises";
import { eventually } from "../test/support/eventually.ts";
import type { Emitter } from "./emitter.ts";
import { sumOf } from "./metrics-text.ts";
import type { Stage } from "./stage.ts";
import { KILLED_DURING, type Scene } from "./story.ts";
import type { WorkerProcess } from "./worker-process.ts";

export interface Play {
  /** To be told each event: some commands are sent only when another one has got somewhere. */
  readonly cue: (commandId: string, event: string) => void;
  /** Resolves when every command has its outcome and nothing more comes, or when the time is up. */
  readonly ended: (signal: AbortSignal) => Promise<void>;
}

export interface PlayDeps {
  readonly stage: Stage;
  readonly scenes: readonly Scene[];
  readonly emitter: Emitter;
  /** Every command has its outcome. */
  readonly isOver: () => boolean;
  readonly onSent: (scene: Scene) => void;
  /** Something that the audience should hear about. */
  readonly note: (text: string) => void;
}

const LONGEST_MS = 100_000;
/** A second final event, if there were one, would come within this. */
const SILENCE_MS = 1_200;

/** Sends the commands, kills a worker in the worst moment, and brings another one. */
export function startPlay(deps: PlayDeps): Play {
  const { scenes, emitter, stage, isOver, onSent } = deps;
  const waiting = new Set(scenes.filter(({ after }) => after !== undefined));
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });

  async function send(scene: Scene): Promise<void> {
    const { commandId, server, message, copies = 1 } = scene;
    onSent(scene);
    const serverId = server === null ? null : stage.serverNamed(server).id;
    await emitter.send({ commandId, serverId, message, copies });
  }

  async function over(signal: AbortSignal): Promise<void> {
    const deadlineMs = performance.now() + LONGEST_MS;
    await accident;
    while (!isOver() && performance.now() < deadlineMs) {
      await sleep(100, undefined, { signal });
    }
    await sleep(SILENCE_MS, undefined, { signal });
  }

  for (const scene of scenes) if (scene.after === undefined) send(scene).catch(fail);
  const accident = killOne(deps).catch(fail);

  return {
    cue(commandId, event) {
      for (const scene of waiting) {
        if (scene.after?.commandId !== commandId || scene.after.event !== event) continue;
        waiting.delete(scene);
        send(scene).catch(fail);
      }
    },
    ended: (signal) => Promise.race([over(signal), failed, aborted(signal)]),
  };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Error("interrupted")), { once: true });
  });
}

/** Waits until the cloud has carried out a request whose answer is still to come; then kills whoever waits for it. */
async function killOne({ stage, note }: PlayDeps): Promise<void> {
  const { id } = stage.serverNamed(KILLED_DURING);
  await eventually(() => (stage.simulator.ledger().servers[id]?.reinstallsExecuted ?? 0) > 0, {
    what: `the request for ${KILLED_DURING}`,
    timeoutMs: LONGEST_MS,
    intervalMs: 20,
  });
  const victim = await whoeverIsBusy(stage.workers);
  await victim.kill();
  note(`${victim.name} killed (-9) in the middle of its request for ${KILLED_DURING}`);
  const { name } = await stage.startWorker();
  note(`${name} started in its place`);
}

/** Steps take milliseconds: who has one in hand at every look waits for the answer that does not come. */
async function whoeverIsBusy(workers: readonly WorkerProcess[]): Promise<WorkerProcess> {
  let suspects = workers;
  for (let look = 0; look < LOOKS || (suspects.length > 1 && look < MOST_LOOKS); look += 1) {
    const seen = await Promise.all(
      suspects.map(async (worker) => ({ worker, inHand: stepsInHand(await worker.scrape()) })),
    );
    const busy = seen.filter(({ inHand }) => inHand > 0).map(({ worker }) => worker);
    // None: the page was made between two steps of theirs.
    if (busy.length > 0) suspects = busy;
    await sleep(LOOK_PAUSE_MS);
  }
  const [first] = suspects;
  if (first === undefined) throw new Error("there is no worker to kill");
  return first;
}

const LOOKS = 4;
const MOST_LOOKS = 20;
const LOOK_PAUSE_MS = 60;

function stepsInHand(samples: Parameters<typeof sumOf>[0]): number {
  return sumOf(samples, "ecs_reinstall_in_flight", 'queue="work"');
}
