import type { CloudApi, Submission, Unavailable } from "../../src/steps/ports.ts";
import { refusal } from "../support/in-memory/cloud.ts";
import type { DeliveryContext } from "./mutation.ts";
import { brief, type Reply, request } from "./network.ts";
import type { SimulatedProcess } from "./process.ts";
import { POST_TIMEOUT_MS, SIGNATURE_WINDOW_MS } from "./rules.ts";
import type { World } from "./world.ts";

const UNAVAILABLE: Unavailable = {
  waitsFor: "cloud-unavailable",
  cloudCode: null,
  message: "simulated",
  retryAfterMs: null,
};
const NO_ANSWER: Submission = { kind: "unknown", message: "simulated" };

/** The cloud as one worker sees it through a network that fails. */
export function createCloudPort(
  world: World,
  process: SimulatedProcess,
  context: DeliveryContext,
): CloudApi {
  const { cloud, dice, time } = world;
  let diskAtLook: string | null = null;

  function ask<T>(label: string, lost: T, isLost: boolean, effect: () => T): Promise<T> {
    return request<T>(world, process, label, (reply) => {
      if (isLost) return reply(lost, world.latency());
      time.after(world.latency(), () => {
        const answer = effect();
        if (world.tracing) world.trace(`cloud    ${context.about} ${label} -> ${brief(answer)}`);
        reply(answer, world.latency());
      });
    });
  }

  return {
    look: (_project, server) =>
      ask(
        "look",
        { kind: "unreadable", ...UNAVAILABLE },
        dice.call("look-unreadable", "look"),
        () => {
          const look = cloud.look(server);
          diskAtLook = look.kind === "seen" ? look.server.systemDiskId : null;
          return look;
        },
      ),
    job: (_project, server, job) =>
      ask("job", { kind: "unreadable", ...UNAVAILABLE }, dice.call("job-unreadable", "job"), () =>
        cloud.job(server, job),
      ),
    stop: (_project, server, type) =>
      request(world, process, "stop", (reply) => {
        const there = world.latency();
        const isLost = dice.call("stop-lost", "stop");
        time.after(there, () => {
          const answer = cloud.stop(server, type);
          reply(isLost ? { kind: "unreadable", ...UNAVAILABLE } : answer, world.latency());
        });
      }),
    async sign(_project, server, body) {
      if (dice.call("sign-unavailable", "sign")) return { kind: "unavailable", ...UNAVAILABLE };
      const signedAtMs = await request<number>(world, process, "sign", (reply) =>
        reply(process.nowMs(), world.latency()),
      );
      const mode = body.mode !== undefined;
      return {
        kind: "signed",
        request: { signedAtMs, send: () => send(server, signedAtMs, mode) },
      };
    },
  };

  /** The request leaves the process once; after that it has a life of its own. */
  function send(
    serverId: Parameters<CloudApi["sign"]>[1],
    signedAtMs: number,
    mode: boolean,
  ): Promise<Submission> {
    const { envelope, about } = context;
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
    });
    return request<Submission>(world, process, "send", (reply) => {
      const signed = world.mutation?.signAtSend ? process.nowMs() : signedAtMs;
      const arrive = (): Submission => {
        world.inFlight -= 1;
        return cloud.arrive({ commandId: about, serverId, signedAtMs: signed, mode });
      };
      world.inFlight += 1;
      travel(reply, arrive);
    });
  }

  function travel(reply: Reply<Submission>, arrive: () => Submission): void {
    const { random } = world;
    const never = (answer: Submission, delayMs: number) => {
      world.inFlight -= 1;
      reply(answer, delayMs);
    };
    const there = world.latency();
    if (dice.call("send-not-sent", "send")) {
      return never({ kind: "not-sent", ...UNAVAILABLE }, there);
    }
    if (dice.call("send-refused", "send")) {
      return never({ kind: "refused", refusal: refusal("quota") }, there);
    }
    if (dice.call("send-throttled", "send")) {
      const later = { kind: "later", waitsFor: "throttled", retryAfterMs: null } as const;
      return never({ ...later, refusal: refusal("throttled", true) }, there);
    }
    if (dice.call("send-lost-request", "send")) {
      return never(NO_ANSWER, random.between(0, POST_TIMEOUT_MS));
    }
    if (dice.call("send-late", "send")) {
      const lateMs = random.wild(1_000, 1.5 * SIGNATURE_WINDOW_MS);
      world.trace(`network  POST of ${context.about} is held up for ${Math.round(lateMs)} ms`);
      time.after(lateMs, () => arrive());
      return reply(NO_ANSWER, Math.min(lateMs, POST_TIMEOUT_MS));
    }
    const lostReply = dice.call("send-lost-reply", "send");
    time.after(there, () => {
      const answer = arrive();
      world.trace(`cloud    ${context.about} send -> ${brief(answer)}`);
      if (lostReply) reply(NO_ANSWER, POST_TIMEOUT_MS);
      else reply(answer, world.latency());
    });
  }
}
