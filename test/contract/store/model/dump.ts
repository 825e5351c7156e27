import type { RedisClient } from "../../../../src/adapters/redis/connection/client.ts";
import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import type { CommandRecord, StoreMemory } from "../../../support/in-memory/memory.ts";
import { REFUSED } from "../../../support/in-memory/scripts.ts";
import { PROJECT } from "../rig/samples.ts";

const k = keysOf(PROJECT);

/** What both keep. */
export interface Dump {
  readonly records: Readonly<Record<string, unknown>>;
  readonly locks: Readonly<Record<string, unknown>>;
  readonly active: Readonly<Record<string, number>>;
  readonly last: Readonly<Record<string, number>>;
  /** When each of the last ended. */
  readonly ended: Readonly<Record<string, number>>;
  /** Sorted sets of slots and lines, and until when each keeps its turn. */
  readonly lines: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly dropped: number;
  readonly token: number;
  readonly epoch: unknown;
  readonly pauses: Readonly<Record<string, unknown>>;
  /** Of failures. */
  readonly storm: unknown;
  /** What people did by hand. */
  readonly audit: readonly unknown[];
  /** Of each server that has one. */
  readonly histories: Readonly<Record<string, unknown>>;
  /** What a command left to the next owner of a server's lock. */
  readonly debts: Readonly<Record<string, string>>;
}

/** What the store in memory keeps of the project. */
export function dumpOfMemory(memory: StoreMemory): Dump {
  const m = memory.of(PROJECT);
  const records = new Map<string, unknown>();
  const both = [...m.records, ...[...m.strays].map(([id, one]) => [`stray:${id}`, one] as const)];
  for (const [id, one] of both) {
    records.set(id, {
      ...one,
      ...unknownOf(one),
      order: one.order === "" ? undefined : one.order,
      ...(one.claim === REFUSED ? { claimBase: undefined } : {}),
      doubt: one.doubt === true,
      told: one.told === true,
      cancel: one.cancel !== undefined,
      refused: one.refused ?? {},
      restored: one.restored && `${one.restored.step}:${one.restored.how}`,
      intent: one.intent && { ...one.intent, signedAtMs: one.intent.signedAtMs ?? "" },
    });
  }
  return normal({
    records: Object.fromEntries(records),
    locks: Object.fromEntries(m.locks),
    active: Object.fromEntries(m.active),
    last: Object.fromEntries(m.last),
    ended: Object.fromEntries(m.ended),
    lines: filled([
      ["slots", m.slots],
      ["line", m.line],
      ["line-until", m.lineUntil],
      ["waiting", m.waiting],
      ["asks", m.asks.servers],
      ...named("starts-of-source", m.sourceStarts),
      ...named("starts-of-sender", m.senderStarts),
      ...named("slots-of", m.groupSlots),
      ...named("line-of", m.groupLines),
      ...named("waiters", m.waiters),
    ]),
    dropped: m.dropped,
    token: m.token,
    epoch: m.epoch && { id: m.epoch.id, since: m.epoch.since, openAt: m.epoch.openAt },
    pauses: Object.fromEntries(m.pauses),
    storm: m.storm,
    audit: m.audit,
    debts: Object.fromEntries(m.debts),
    histories: Object.fromEntries(
      [...m.history].flatMap(([server, entries]) =>
        entries.size === 0 ? [] : [[server, Object.fromEntries(entries)]],
      ),
    ),
  });
}

/** What Redis does not write into the record of an inquiry whose end is all that is known of it. */
function unknownOf({ order, content, claim }: CommandRecord): object {
  if (order !== "" || claim === REFUSED) return {};
  const never = { wish: undefined, attempt: undefined, created: undefined, seq: undefined };
  if (content !== "") return { ...never, claimBase: undefined };
  const names = ["content", "server", "claim", "step", "claimBase"];
  return { ...never, ...Object.fromEntries(names.map((name) => [name, undefined])) };
}

/** What Redis keeps of the project, in the same form. */
export async function dumpOfRedis(client: RedisClient): Promise<Dump> {
  const prefix = k.commandPrefix.replace(/cmd:$/, "");
  const names = await client.keys(`${prefix.replaceAll(/[{}]/g, "?")}*`);
  const hashes = new Map<string, Record<string, string>>();
  const read = names.toSorted().map(async (name) => {
    const short = name.slice(prefix.length);
    if (/^(cmd|stray|lock|last|history):/.test(short))
      hashes.set(short, await client.hgetall(name));
  });
  await Promise.all(read);
  const of = <T>(kind: string, read: (hash: Record<string, string>) => T) =>
    Object.fromEntries(
      [...hashes].flatMap(([name, hash]) =>
        name.startsWith(`${kind}:`) ? [[name.slice(kind.length + 1), read(hash)]] : [],
      ),
    );
  const strays = Object.entries(of("stray", recordOf)).map(([id, one]) => [`stray:${id}`, one]);
  const epoch = await client.hgetall(k.epoch);
  const pauses = Object.entries(await client.hgetall(k.pauses));
  return normal({
    records: { ...of("cmd", recordOf), ...Object.fromEntries(strays) },
    locks: of("lock", ({ owner, token, since, phase }) => ({
      owner,
      token: Number(token),
      since: Number(since),
      phase,
    })),
    active: scoresOf(await client.zrange(k.active, "0", "-1", "WITHSCORES")),
    ended: scoresOf(await client.zrange(k.ended, "0", "-1", "WITHSCORES")),
    last: of("last", ({ at }) => Number(at)),
    lines: filled(await linesOf(client, prefix, names)),
    dropped: Number((await client.get(k.dropped)) ?? 0),
    token: Number((await client.get(k.token)) ?? 0),
    epoch:
      epoch["id"] === undefined
        ? null
        : { id: epoch["id"], since: Number(epoch["since"]), openAt: Number(epoch["open_at"]) },
    pauses: Object.fromEntries(pauses.map(([scope, text]) => [scope, JSON.parse(text)])),
    storm: stormOf(await client.hgetall(k.storm)),
    audit: (await client.lrange(k.audit, 0, -1)).map((text): unknown => JSON.parse(text)),
    debts: await textsOf(client, prefix, names, "debt"),
    histories: of("history", (hash) =>
      Object.fromEntries(Object.entries(hash).map(([field, text]) => [field, JSON.parse(text)])),
    ),
  });
}

/** A field that is empty was taken away. */
function stormOf(hash: Record<string, string>): unknown {
  const text = (name: string) => hash[name] || undefined;
  const number = (name: string) => (text(name) === undefined ? undefined : Number(text(name)));
  return {
    ends: JSON.parse(text("ends") ?? "[]") as unknown,
    cooldown: number("cooldown"),
    closedAt: number("closed_at"),
    probe: text("probe"),
    level: number("level"),
    levelAt: number("level_at"),
    levelBy: text("level_by"),
    changedMs: number("changed"),
    probeAtMs: number("probe_at"),
  };
}

type Named = readonly [string, ReadonlyMap<string, number>];

const named = (kind: string, sets: ReadonlyMap<string, ReadonlyMap<string, number>>) =>
  [...sets].map(([name, set]): Named => [`${kind}:${name}`, set]);

/** Without those that are empty: Redis keeps no such key. */
function filled(sets: readonly Named[]): Dump["lines"] {
  const nonempty = sets.filter(([, set]) => set.size > 0);
  return Object.fromEntries(
    nonempty
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, set]) => [name, Object.fromEntries(set)]),
  );
}

async function linesOf(
  client: RedisClient,
  prefix: string,
  names: readonly string[],
): Promise<Named[]> {
  const lines: Named[] = [];
  for (const name of names) {
    const short = name.slice(prefix.length);
    if (short === "line-until") {
      const until = Object.entries(await client.hgetall(name));
      lines.push([short, new Map(until.map(([id, at]) => [id, Number(at)]))]);
    } else if (
      /^(slots|line|waiting|asks|(starts-of-source|starts-of-sender|slots-of|line-of|waiters):.*)$/.test(
        short,
      )
    ) {
      const scores = scoresOf(await client.zrange(name, "0", "-1", "WITHSCORES"));
      lines.push([short, new Map(Object.entries(scores))]);
    }
  }
  return lines;
}

async function textsOf(
  client: RedisClient,
  prefix: string,
  names: readonly string[],
  kind: string,
): Promise<Record<string, string>> {
  const texts: Record<string, string> = {};
  for (const name of names.filter((one) => one.startsWith(`${prefix}${kind}:`)))
    texts[name.slice(prefix.length + kind.length + 1)] = (await client.get(name)) ?? "";
  return texts;
}

function scoresOf(flat: readonly string[]): Record<string, number> {
  const scores: Record<string, number> = {};
  for (let at = 0; at < flat.length; at += 2) scores[flat[at] ?? ""] = Number(flat[at + 1]);
  return scores;
}

/** As the store in memory keeps it. What a script has left to do (`tail`) stands out. */
function recordOf(hash: Record<string, string>): unknown {
  const number = (name: string) => (hash[name] === undefined ? undefined : Number(hash[name]));
  const refused = Object.entries(hash).flatMap(([name, final]) =>
    name.startsWith("refused:") ? [[name.slice("refused:".length), final]] : [],
  );
  return {
    content: hash["content"],
    wish: hash["wish"],
    server: hash["server"],
    order: hash["order"],
    step: number("step"),
    attempt: number("attempt"),
    phase: hash["phase"],
    created: number("created"),
    updated: number("updated"),
    seq: number("seq"),
    claim: hash["claim"],
    claimBase: number("claim_base"),
    claimAt: number("claim_at"),
    claimEpoch: hash["claim_epoch"],
    doubt: hash["doubt"] === "1",
    attemptClaim: hash["attempt_claim"],
    outbox: hash["outbox"],
    notes: notesOf(hash),
    restored: hash["restored"],
    rebuilt: hash["rebuilt"],
    resume: hash["resume"],
    outcome: hash["outcome"],
    final: hash["final"],
    finalSeq: number("final_seq"),
    refused: Object.fromEntries(refused),
    told: hash["told"] === "1",
    settled: hash["settled"],
    job: hash["job"],
    cancel: hash["cancel"] === "1",
    behind: hash["behind"],
    tail: hash["tail"],
    intent:
      hash["intent_attempt"] === undefined
        ? undefined
        : {
            attempt: number("intent_attempt"),
            signedAtMs: hash["intent_signed"] === "" ? "" : number("intent_signed"),
            disk: hash["intent_disk"],
            claim: hash["intent_claim"],
            at: number("intent_at"),
          },
  };
}

function notesOf(hash: Record<string, string>): CommandRecord["notes"] {
  if (hash["notes"] === undefined) return undefined;
  const kept = Object.entries(hash).flatMap(([name, note]) =>
    name.startsWith("note:") ? [[name.slice("note:".length), note]] : [],
  );
  return { count: Number(hash["notes"]), kept: Object.fromEntries(kept) };
}

/** Without what is undefined. */
function normal(dump: Dump): Dump {
  return JSON.parse(JSON.stringify(dump)) as Dump;
}
