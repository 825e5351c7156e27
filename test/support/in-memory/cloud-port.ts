import type { ServerId } from "../../../src/contract/ids.ts";
import type { CloudApi, PowerCall } from "../../../src/steps/ports/cloud-api.ts";
import type {
  StopOutcome,
  Submission,
  Unavailable,
} from "../../../src/core/server/observations.ts";
import { type MemoryCloud, refusal, wholeSeconds } from "./cloud.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** What may happen to one call on its way to the cloud and back. */
export const CLOUD_FAULTS = [
  "look-unreadable",
  "job-unreadable",
  "stop-lost",
  "sign-unavailable",
  "send-not-sent",
  "send-lost-reply",
  "send-lost-request",
  "send-late",
  "send-refused",
  "send-throttled",
] as const;

/** Apart from those above, so that no seed of the simulation draws them: its histories stay what they were. */
type LaterFault =
  | "stop-late"
  | "start-lost"
  | "start-unsent"
  | "disk-unreadable"
  | "list-unreadable";

export type CloudFault = (typeof CLOUD_FAULTS)[number] | LaterFault;

/** Sends the answer back to the caller, `delayMs` later. */
export type Reply<T> = (value: T, delayMs: number) => void;

/** The way between one caller and the cloud, in virtual time. */
export interface CloudNetwork {
  /** The caller's own clock. */
  nowMs(): number;
  latencyMs(): number;
  /** Does this fault happen to the call that is made now? */
  happens(fault: CloudFault): boolean;
  /** How late a POST arrives that is held up. */
  heldUpMs(): number;
  /** How soon the connection of a POST that is lost is found broken: at most the POST's time-out. */
  brokenMs(): number;
  readonly postTimeoutMs: number;
  /** How long a cloud that turns a call away asks the caller to stay away; absent or null: it does not say. */
  retryAfterMs?(): number | null;
  /** One request of the caller. What `carry` sets off goes on without him. */
  exchange<T>(label: string, carry: (reply: Reply<T>) => void): Promise<T>;
  /** The caller was told to stop and waits no longer. */
  onAbandoned?(label: string): void;
  /** What the cloud answered, whoever hears it. */
  onAnswer?(label: string, answer: unknown): void;
}

export interface MemoryCloudApiOptions {
  readonly cloud: MemoryCloud;
  readonly time: VirtualTime;
  readonly network: CloudNetwork;
  /** Whose reinstalls these are, for the ledger. */
  readonly commandId: string | null;
  /** The caller lets go of a POST: from here it has a life of its own. */
  readonly onPosted?: (server: ServerId) => void;
  /** The caller asks for a stop of that server. */
  readonly onStop?: (server: ServerId) => void;
  /** The caller lets go of a request to start that server. */
  readonly onStart?: (server: ServerId) => void;
  /** The POST is on its way, `true`, or will not be any more. */
  readonly onTravel?: (underway: boolean) => void;
  /** A request is held up on its way, for so long. */
  readonly onHeldUp?: (what: "stop" | "POST", ms: number) => void;
  /** No disk service is configured: `disk` is absent. */
  readonly withoutDisks?: boolean;
  /** A protocol broken on purpose: the signature is made when the request leaves. */
  readonly signsWhenSent?: boolean;
}

const UNAVAILABLE: Unavailable = {
  waitsFor: "cloud-unavailable",
  cloudCode: null,
  message: "simulated",
  retryAfterMs: null,
};
const UNREADABLE = { kind: "unreadable", ...UNAVAILABLE } as const;
type Unreadable = { readonly kind: "unreadable" } & Unavailable;
const NO_ANSWER: Submission = { kind: "unknown", message: "simulated" };

/** The in-memory cloud as one caller sees it, through a network that may fail. */
export function createMemoryCloudApi(options: MemoryCloudApiOptions): CloudApi {
  const { cloud, time, network, commandId, onPosted, onHeldUp } = options;

  const askedMs = () => network.retryAfterMs?.() ?? null;

  /** One exchange, for as long as the caller is not told to stop; the request goes on without him. */
  function exchange<T>(
    label: string,
    signal: AbortSignal,
    abandoned: T,
    carry: (reply: Reply<T>) => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        network.onAbandoned?.(label);
        resolve(abandoned);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      network
        .exchange(label, carry)
        .then(resolve, reject)
        .finally(() => signal.removeEventListener("abort", onAbort));
    });
  }

  /** A request that may be repeated: lost on its way, it was not carried out. */
  function ask<T>(
    label: "look" | "job" | "disk" | "list",
    signal: AbortSignal,
    effect: () => T,
  ): Promise<T | Unreadable> {
    const isLost = network.happens(`${label}-unreadable`);
    if (signal.aborted) return Promise.resolve(UNREADABLE);
    return exchange<T | Unreadable>(label, signal, UNREADABLE, (reply) => {
      if (isLost) {
        return reply({ ...UNREADABLE, retryAfterMs: askedMs() }, network.latencyMs());
      }
      time.after(network.latencyMs(), () => {
        const answer = effect();
        network.onAnswer?.(label, answer);
        reply(answer, network.latencyMs());
      });
    });
  }

  /** A request that is carried out even if its answer is lost. */
  async function turn(
    label: "stop" | "start",
    { signal, mayBegin }: PowerCall,
    effect: () => StopOutcome,
  ): Promise<StopOutcome> {
    if (signal.aborted) return UNREADABLE;
    return exchange<StopOutcome>(label, signal, UNREADABLE, (reply) => {
      if (!mayBegin()) return reply(UNREADABLE, 0);
      if (label === "stop" && network.happens("stop-late")) return late(effect, reply);
      const there = network.latencyMs();
      const isLost = network.happens(`${label}-lost`);
      time.after(there, () => {
        const answer = effect();
        const lost = { ...UNREADABLE, retryAfterMs: isLost ? askedMs() : null };
        reply(isLost ? lost : answer, network.latencyMs());
      });
    });
  }

  /** Held up on its way: carried out as long as its signature is accepted, when nobody waits for the answer any more. */
  function late(effect: () => StopOutcome, reply: Reply<StopOutcome>): void {
    const signedAtMs = network.nowMs();
    const lateMs = network.heldUpMs();
    onHeldUp?.("stop", lateMs);
    options.onTravel?.(true);
    time.after(lateMs, () => {
      options.onTravel?.(false);
      if (Math.abs(time.nowMs - signedAtMs) <= cloud.signatureWindowMs) effect();
    });
    reply(UNREADABLE, Math.min(lateMs, network.postTimeoutMs));
  }

  return {
    look: (_project, server, signal) => ask("look", signal, () => cloud.look(server)),
    job: (_project, server, job, signal) => ask("job", signal, () => cloud.job(server, job)),
    list: (_project, page, signal) => ask("list", signal, () => cloud.list(page)),
    ...(options.withoutDisks === true
      ? {}
      : { disk: (_project, volume, signal) => ask("disk", signal, () => cloud.disk(volume)) }),
    async stop(_project, server, type, call) {
      options.onStop?.(server);
      return turn("stop", call, () => cloud.stop(server, type, commandId));
    },
    async start(_project, server, call) {
      const isUnsent = network.happens("start-unsent");
      return isUnsent
        ? { ...UNREADABLE, retryAfterMs: askedMs() }
        : turn("start", call, () => {
            options.onStart?.(server);
            return cloud.start(server);
          });
    },
    async sign(_project, server, body) {
      if (network.happens("sign-unavailable")) {
        return { kind: "unavailable", ...UNAVAILABLE, retryAfterMs: askedMs() };
      }
      const nowMs = await network.exchange<number>("sign", (reply) =>
        reply(network.nowMs(), network.latencyMs()),
      );
      const signedAtMs = wholeSeconds(nowMs);
      const mode = body.mode !== undefined;
      let used = false;
      return {
        kind: "signed",
        request: {
          signedAtMs,
          async send(signal) {
            if (used) throw new Error("a signed reinstall is sent once");
            used = true;
            if (signal.aborted) return { kind: "not-sent", ...UNAVAILABLE };
            return send(server, signedAtMs, mode, signal);
          },
        },
      };
    },
  };

  /** The request leaves the caller once; after that it has a life of its own. */
  function send(
    serverId: ServerId,
    signedAtMs: number,
    mode: boolean,
    signal: AbortSignal,
  ): Promise<Submission> {
    onPosted?.(serverId);
    return exchange<Submission>("send", signal, NO_ANSWER, (reply) => {
      const signed = options.signsWhenSent ? wholeSeconds(network.nowMs()) : signedAtMs;
      const arrive = (): Submission => {
        options.onTravel?.(false);
        const answer = cloud.arrive({ commandId, serverId, signedAtMs: signed, mode });
        return answer.kind === "later" && answer.refusal.class === "authentication"
          ? { ...answer, waitsFor: clocksDisagree() ? "clock-skew" : answer.waitsFor }
          : answer;
      };
      options.onTravel?.(true);
      travel(reply, arrive);
    });
  }

  /** The caller compares its clock with the answer's `Date`. */
  function clocksDisagree(): boolean {
    return Math.abs(network.nowMs() - time.nowMs) > cloud.signatureWindowMs;
  }

  function travel(reply: Reply<Submission>, arrive: () => Submission): void {
    const never = (answer: Submission, delayMs: number) => {
      options.onTravel?.(false);
      reply(answer, delayMs);
    };
    const there = network.latencyMs();
    if (network.happens("send-not-sent")) {
      return never({ kind: "not-sent", ...UNAVAILABLE, retryAfterMs: askedMs() }, there);
    }
    if (network.happens("send-refused")) {
      return never({ kind: "refused", refusal: refusal("quota") }, there);
    }
    if (network.happens("send-throttled")) {
      const retryAfterMs = askedMs();
      const later = { kind: "later", waitsFor: "throttled", retryAfterMs } as const;
      return never({ ...later, refusal: refusal("throttled") }, there);
    }
    if (network.happens("send-lost-request")) return never(NO_ANSWER, network.brokenMs());
    if (network.happens("send-late")) {
      const lateMs = network.heldUpMs();
      onHeldUp?.("POST", lateMs);
      time.after(lateMs, () => arrive());
      return reply(NO_ANSWER, Math.min(lateMs, network.postTimeoutMs));
    }
    const lostReply = network.happens("send-lost-reply");
    time.after(there, () => {
      const answer = arrive();
      network.onAnswer?.("send", answer);
      if (lostReply) reply(NO_ANSWER, network.postTimeoutMs);
      else reply(answer, network.latencyMs());
    });
  }
}
