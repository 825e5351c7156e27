import { z } from "zod";
import type { ProjectId } from "../../../contract/ids.ts";
import { INQUIRY_SUFFIX } from "../../../core/state/envelope.ts";
import { Power } from "../../../core/server/power.ts";
import type { RedisClient } from "../connection/client.ts";
import { keysOf } from "../keys.ts";
import { storedJson } from "../stored/stored-json.ts";
import { StoredOutcome } from "../stored/stored-outcome.ts";

/** What the store knows of a command that may have left its server locked. */
export interface LeftBehind {
  /** The store has lost the command since; what its inquiry says is left. */
  readonly isForgotten: boolean;
  readonly outcome: string | null;
  readonly phase: string;
  /** As it is stored; null: there is none, or it cannot be read. */
  readonly final: z.infer<typeof StoredOutcome> | null;
  /** What became of it since, in a word; null: nothing is known. */
  readonly settledAs: string | null;
  readonly order: unknown;
  /** Fencing token of the lock that it left; null: not known. */
  readonly token: number | null;
  /** Before this instant its request may still take effect, epoch ms; null: it never dies, or nothing was sent. */
  readonly fenceAtMs: number | null;
  /** What may have been done to the server's power; undefined: nothing is known. */
  readonly power: Power | undefined;
  /** Its inquiry knows that nothing was reinstalled, and is starting the server before it says so. */
  readonly starting: boolean;
}

/** The next message of an inquiry, of any version of us. */
const InquiryMessage = storedJson(
  z.object({
    token: z.int().nullish(),
    order: z.unknown().optional(),
    state: z.object({
      fenceAtMs: z.number().nullish(),
      power: Power.optional().catch(undefined),
      start: z.unknown().optional(),
    }),
  }),
);

const Settled = storedJson(z.object({ as: z.string() }));

/** `POST_FENCE_MS` as it is by default, for what a version has ended that did not keep the fence with the outcome. */
const FENCE_MS = 18 * 60_000;

/** Reads a command and its inquiry. Null: no such command is known. Rejects when Redis does not answer. */
export async function readLeftBehind(
  redis: RedisClient,
  project: ProjectId,
  command: string,
): Promise<LeftBehind | null> {
  const k = keysOf(project);
  const fields = ["content", "outcome", "phase", "final", "settled", "order"];
  const [content, outcome, phase, final, settled, order] = await redis.hmget(
    k.command(command),
    ...fields,
  );
  const resume = await redis.hget(k.command(`${command}${INQUIRY_SUFFIX}`), "resume");
  const inquiry = InquiryMessage.safeParse(resume).data;
  const isForgotten = content == null;
  if (isForgotten && inquiry === undefined) return null;
  const stored = storedJson(StoredOutcome).safeParse(final).data ?? null;
  return {
    isForgotten,
    // Only such a command has an inquiry.
    outcome: isForgotten ? "unresolved" : (outcome ?? null),
    phase: phase ?? "unknown",
    final: stored,
    settledAs: Settled.safeParse(settled).data?.as ?? null,
    order: storedJson(z.unknown()).safeParse(order).data ?? inquiry?.order ?? null,
    token: inquiry?.token ?? null,
    fenceAtMs: inquiry === undefined ? fenceAfter(stored) : (inquiry.state.fenceAtMs ?? null),
    power: inquiry?.state.power,
    starting: inquiry?.state.start !== undefined,
  };
}

/** Its inquiry is over or lost, or there never was one: whatever it sent was sent before its end. */
function fenceAfter(final: LeftBehind["final"]): number | null {
  if (final?.fenceAtMs !== undefined) return final.fenceAtMs;
  return final?.event.data.event === "unresolved" ? Date.parse(final.event.time) + FENCE_MS : null;
}
