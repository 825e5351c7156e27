import { AuditEntry } from "../../../contract/audit.ts";
import { brakeOf, SwitchName } from "../../../contract/brakes.ts";
import type {
  AskedFor,
  CommandEvidence,
  RecordedIntent,
  StoredSwitch,
} from "../../../contract/evidence.ts";
import type { ProjectId } from "../../../contract/ids.ts";
import type { CommandDetail, CommandStory } from "../../../contract/overview.ts";
import { Order } from "../../../core/state/order.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { keysOf } from "../keys.ts";
import { NOTES, stepsOf } from "./step-notes.ts";
import { storedJson } from "../stored/stored-json.ts";
import { StoredPause } from "../stored/stored-pause.ts";

const FIELDS = [
  "order",
  "cancel",
  "intent_attempt",
  "intent_at",
  "intent_signed",
  "intent_disk",
] as const;

/** Everything that is kept of a command whose story is known. Rejects when the store is away. */
export async function readEvidence(
  redis: RedisClient,
  project: ProjectId,
  story: CommandStory,
): Promise<CommandEvidence> {
  const { command } = story;
  const key = keysOf(project).command(command.commandId);
  const found = await hashFields(redis, key, ...FIELDS, ...NOTES);
  const values = found === "foreign" ? [] : found;
  const record = Object.fromEntries(FIELDS.map((name, index) => [name, values[index] ?? null]));
  return {
    story,
    asked: askedFor(record["order"] ?? null),
    steps: stepsOf(values.slice(FIELDS.length)),
    intent: intentOf(record),
    switches: await switchesOf(redis, project, command),
    acts: await actsOf(redis, project, command),
    cancelAsked: record["cancel"] === "1",
  };
}

function askedFor(text: string | null): AskedFor | null {
  const order = storedJson(Order).safeParse(text).data;
  if (order === undefined) return null;
  const { onBusy, dryRun, override = [], receivedAtMs, wishHash, contentHash } = order;
  return {
    onBusy,
    dryRun,
    override,
    receivedAtMs,
    observedAtMs: order.observedAtMs ?? null,
    expectedSystemDisk: order.expectedSystemDisk ?? null,
    wishHash,
    contentHash,
  };
}

function intentOf(record: Readonly<Record<string, string | null>>): RecordedIntent | null {
  const { intent_attempt: attempt, intent_at: at, intent_signed: signed, intent_disk } = record;
  if (attempt == null || at == null) return null;
  return {
    attempt: Number(attempt),
    atMs: Number(at),
    signedAtMs: signed == null || signed === "" ? null : Number(signed),
    systemDisk: intent_disk ?? "",
  };
}

/** Of the list of what people did by hand. */
const MOST_ACTS = 100;

async function actsOf(
  redis: RedisClient,
  project: ProjectId,
  command: CommandDetail,
): Promise<readonly AuditEntry[]> {
  const covering = new Set(scopesOf(command));
  const { commandId, serverId, createdAtMs } = command;
  const isAbout = (act: AuditEntry) =>
    act.command === commandId ||
    (act.server !== undefined && act.server === serverId) ||
    (act.scope !== undefined &&
      covering.has(act.scope) &&
      createdAtMs !== null &&
      act.at >= createdAtMs);
  const texts = await redis.lrange(keysOf(project).audit, 0, -1);
  return texts
    .flatMap((text) => storedJson(AuditEntry).safeParse(text).data ?? [])
    .filter(isAbout)
    .toReversed()
    .slice(0, MOST_ACTS);
}

/** Names of the switches that cover a command. */
function scopesOf({ serverId, group }: CommandDetail): readonly string[] {
  return [
    "everything",
    "project",
    "storm-failures",
    "storm-asks",
    ...(group === null ? [] : [`group:${group}`]),
    ...["server", "protected", "released"].map((kind) => `${kind}:${serverId}`),
  ];
}

async function switchesOf(
  redis: RedisClient,
  project: ProjectId,
  command: CommandDetail,
): Promise<readonly StoredSwitch[]> {
  const scopes = scopesOf(command);
  const texts = await hashFields(redis, keysOf(project).pauses, ...scopes);
  return (texts === "foreign" ? [] : texts)
    .flatMap((text, index): StoredSwitch[] => {
      const scope = SwitchName.safeParse(scopes[index]);
      const entry = StoredPause.safeParse(text);
      if (!scope.success || !entry.success) return [];
      return [{ ...entry.data, scope: scope.data, brake: brakeOf(scope.data) }];
    })
    .toSorted((a, b) => b.atMs - a.atMs);
}
