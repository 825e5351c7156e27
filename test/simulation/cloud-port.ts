import type { ServerId } from "../../src/contract/ids.ts";
import type { CloudApi, Signing } from "../../src/steps/ports/cloud-api.ts";
import type { Look, Submission } from "../../src/core/server/observations.ts";
import {
  type CloudFault,
  type CloudNetwork,
  createMemoryCloudApi,
} from "../support/in-memory/cloud-port.ts";
import type { DeliveryContext } from "./mutation.ts";
import { brief, request } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";
import { POST_TIMEOUT_MS, SIGNATURE_WINDOW_MS } from "./rules.ts";
import type { World } from "./world.ts";

/** The cloud as one worker sees it, through the world's network, while the monitor watches each POST. */
export function createCloudPort(
  world: World,
  process: SimulatedProcess,
  { envelope, about }: DeliveryContext,
): CloudApi {
  const { random } = world;
  let diskAtLook: string | null = null;
  let markAtLook: string | null = null;

  const network: CloudNetwork = {
    nowMs: () => process.nowMs(),
    latencyMs: () => world.latency(),
    happens: (fault) => world.dice.call(fault, callOf(fault)),
    heldUpMs: () => random.wild(1_000, 1.5 * SIGNATURE_WINDOW_MS),
    brokenMs: () => random.between(0, POST_TIMEOUT_MS),
    postTimeoutMs: POST_TIMEOUT_MS,
    retryAfterMs: () =>
      world.scenario.retryAfterUpToMs > 0
        ? Math.round(random.wild(1_000, world.scenario.retryAfterUpToMs))
        : null,
    exchange: (label, carry) => request(world, process, label, carry),
    onAbandoned: (label) => world.resumed(process, `${label} abandoned`, null),
    onAnswer(label, answer) {
      if (label === "look") {
        const look = answer as Look;
        diskAtLook = diskOf(look);
        markAtLook = look.kind === "seen" ? look.server.mark : null;
      }
      if (world.tracing) world.trace(`cloud    ${about} ${label} -> ${brief(answer)}`);
    },
  };
  const cloud = createMemoryCloudApi({
    cloud: world.cloud,
    time: world.time,
    network,
    commandId: about,
    withoutDisks: !world.scenario.disks,
    signsWhenSent: world.mutation?.signAtSend === true,
    onStop() {
      world.monitor.leftToRest(world.turnedOff.stopAsked(about));
    },
    onPosted(serverId) {
      world.monitor.leftToRest(world.turnedOff.posted(serverId, about));
      const before =
        envelope !== null && "before" in envelope.state
          ? envelope.state.before?.systemDiskId
          : undefined;
      world.monitor.posted({
        id: about,
        serverId,
        clockOffMs: process.skewMs,
        allowedMs: world.allowedSkewMs,
        brokerBlocked: world.isBlocked(process),
        diskBefore: before ?? diskAtLook,
        diskAtLook,
        markAtLook,
        atMs: world.time.nowMs,
        opensAtMs: world.scenario.opensAtMs ?? 0,
        anyClockOffMs: world.scenario.skewMs,
      });
    },
    onStart(serverId) {
      world.monitor.startArrives(about, serverId);
      world.turnedOff.startAsked(serverId, about, envelope?.state);
    },
    onTravel(underway) {
      world.inFlight += underway ? 1 : -1;
    },
    onHeldUp(what, ms) {
      if (what === "stop") world.monitor.stopHeldUp(about);
      world.trace(`network  ${what} of ${about} is held up for ${Math.round(ms)} ms`);
    },
  });
  return {
    ...cloud,
    sign: async (...args) => watched(args[1], await cloud.sign(...args)),
    async stop(...args) {
      const answer = await cloud.stop(...args);
      if (answer.kind === "unreadable") world.turnedOff.stopUnanswered(about);
      return answer;
    },
  };

  /** Whoever knows that nothing was carried out is not in work any more, even where the store never hears of it. */
  function watched(serverId: ServerId, signing: Signing): Signing {
    if (signing.kind !== "signed") return signing;
    const { request: signed } = signing;
    const send = async (signal: AbortSignal) => {
      const answer = await signed.send(signal);
      if (NOTHING_RUNS.has(answer.kind)) world.inWork.end(about);
      world.turnedOff.answered(serverId, about, answer);
      return answer;
    };
    return { ...signing, request: { ...signed, send } };
  }
}

/**
 * Answers to a POST after which no server is being reinstalled for its command, which waits again or ends; and waits again
 * where its end cannot be saved.
 */
const NOTHING_RUNS: ReadonlySet<Submission["kind"]> = new Set(["not-sent", "later", "refused"]);

/** `send-late` happens to `send`. */
function callOf(fault: CloudFault): string {
  return fault.slice(0, fault.indexOf("-"));
}

function diskOf(look: Look): string | null {
  return look.kind === "seen" ? look.server.systemDiskId : null;
}
