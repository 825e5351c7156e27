import { z } from "zod";
import type { ProjectId } from "../../../contract/ids.ts";
import type { CommandDetail } from "../../../contract/overview.ts";
import { INQUIRY_SUFFIX } from "../../../core/state/envelope.ts";
import { shownOwner } from "../../../core/state/lock-owner.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { keysOf } from "../keys.ts";
import { storedJson } from "../stored/stored-json.ts";

/** Fields of a record that people may see something of. */
const FIELDS = [
  "content",
  "phase",
  "server",
  "created",
  "updated",
  "seq",
  "outcome",
  "job",
  "attempt",
  "order",
  "resume",
  "final",
  "settled",
] as const;

/** The record of a command, or of its inquiry (`<id>~inquiry`), as people see it. Null: there is none that can be read. */
export async function readDetail(
  redis: RedisClient,
  projectId: ProjectId,
  recordId: string,
): Promise<CommandDetail | null> {
  const values = await hashFields(redis, keysOf(projectId).command(recordId), ...FIELDS);
  if (values === "foreign") return null;
  const record = Object.fromEntries(FIELDS.map((name, index) => [name, values[index] ?? null]));
  if (record["content"] === null) return null;
  const finalEvent = finalEventOf(record["final"]);
  // A refusal has no order; its event says the same.
  const order = StoredOrder.safeParse(record["order"]).data;
  const refused = RefusedEvent.safeParse(finalEvent).data?.data;
  const said = order ?? refused;
  return {
    commandId: recordId.endsWith(INQUIRY_SUFFIX)
      ? recordId.slice(0, -INQUIRY_SUFFIX.length)
      : recordId,
    projectId,
    serverId: textOrNull(record["server"]) ?? refused?.server_id ?? null,
    phase: record["phase"] ?? "unknown",
    sequence: Number(record["seq"] ?? 0),
    updatedAtMs: Number(record["updated"] ?? 0),
    outcome: textOrNull(record["outcome"]),
    jobId: textOrNull(record["job"]),
    finalEvent,
    createdAtMs: record["created"] == null ? null : Number(record["created"]),
    attempt: Number(record["attempt"] ?? 1),
    expiresAtMs: order?.expiresAtMs ?? null,
    notBeforeMs: order?.notBeforeMs ?? null,
    source: said?.source ?? null,
    reason: said?.reason ?? null,
    group: said?.group ?? null,
    settled: storedJson(z.unknown()).safeParse(record["settled"]).data ?? null,
    ...nextStep(record["resume"]),
  };
}

/** What its emitter said, as far as people are shown it. */
const Said = z.object({
  source: z.string().optional(),
  reason: z.string().optional(),
  group: z.string().optional(),
});

/** Of any version of us. */
const StoredOrder = storedJson(
  Said.extend({ expiresAtMs: z.number().optional(), notBeforeMs: z.number().optional() }),
);

const RefusedEvent = z.object({ data: Said.extend({ server_id: z.string().nullish() }) });

/** The message that follows from its last step, of any version of us: nothing of it is taken for granted. */
const NextMessage = storedJson(
  z.object({
    dueMs: z.number(),
    state: z.object({
      waitsFor: z.string().optional(),
      holder: z.string().optional(),
      lockOwner: z.string().optional(),
      leader: z.string().optional(),
      sinceMs: z.number().optional(),
      acceptedAtMs: z.number().optional(),
      waited: z.object({ waitsFor: z.string(), sinceMs: z.number() }).optional(),
    }),
  }),
);

type NextStep = Pick<CommandDetail, "waitsFor" | "holder" | "sinceMs" | "nextTryMs">;

function nextStep(resume: string | null | undefined): NextStep {
  const read = NextMessage.safeParse(resume);
  if (!read.success) return { waitsFor: null, holder: null, sinceMs: null, nextTryMs: null };
  const { dueMs, state } = read.data;
  const holder = state.holder ?? state.lockOwner ?? state.leader;
  return {
    waitsFor: state.waitsFor ?? state.waited?.waitsFor ?? null,
    holder: holder === undefined ? null : shownOwner(holder),
    sinceMs: state.sinceMs ?? state.waited?.sinceMs ?? state.acceptedAtMs ?? null,
    nextTryMs: dueMs,
  };
}

/** Null, too, where a version that we do not know has stored it otherwise. */
function finalEventOf(final: string | null | undefined): unknown {
  const read = storedJson(z.object({ event: z.unknown() })).safeParse(final);
  return read.data?.event ?? null;
}

function textOrNull(value: string | null | undefined): string | null {
  return value === undefined || value === "" ? null : value;
}
