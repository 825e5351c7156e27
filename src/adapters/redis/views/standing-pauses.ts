import { z } from "zod";
import { type SwitchEntry, SwitchName } from "../../../contract/brakes.ts";
import type { ProjectId } from "../../../contract/ids.ts";
import type { RedisClient } from "../connection/client.ts";
import { hashFields } from "../stored/hash-fields.ts";
import { keysOf } from "../keys.ts";
import { StoredPause } from "../stored/stored-pause.ts";
import { storedJson } from "../stored/stored-json.ts";

/** Nobody knows since when, and who set it. */
const UNKNOWN = { on: true, atMs: 0, by: "unknown" } as const;

/** What stands of the switches of a project, as the gate takes it (`pause_entry` of prelude.lua, brakes/pause.lua). */
export async function readStanding(
  redis: RedisClient,
  project: ProjectId,
): Promise<ReadonlyMap<SwitchName, SwitchEntry>> {
  const { pauses, paused } = keysOf(project);
  const standing = new Map<SwitchName, SwitchEntry>();
  const old = await redis.get(paused);
  if (old !== null) standing.set("project", { ...UNKNOWN, reason: old });
  for (const [field, text] of Object.entries(await redis.hgetall(pauses))) {
    const name = SwitchName.safeParse(field);
    const entry = StoredPause.safeParse(text).data ?? {
      ...UNKNOWN,
      reason: "its entry cannot be read",
    };
    if (name.success && entry.on) standing.set(name.data, entry);
  }
  return standing;
}

/** A command whose request may be going out. */
export interface Sending {
  readonly command: string;
  readonly server: string;
  readonly group: string | undefined;
}

const Grouped = storedJson(z.object({ group: z.string().optional() }));

/** The commands whose intent is as old as that, and whose request has no answer yet. Each of them has a slot. */
export async function readSending(
  redis: RedisClient,
  project: ProjectId,
  atMs: number,
): Promise<readonly Sending[]> {
  const k = keysOf(project);
  const ids = await redis.zrange(k.slots, "0", "-1");
  const found = await Promise.all(
    ids.map(async (command): Promise<Sending[]> => {
      const names = ["phase", "intent_at", "outcome", "server", "order"];
      const record = await hashFields(redis, `${k.commandPrefix}${command}`, ...names);
      if (record === "foreign") return [];
      const [phase, intentAt, outcome, server, order] = record;
      if (phase !== "submit" || intentAt == null || outcome != null) return [];
      if (Number(intentAt) > atMs) return [];
      const { group } = Grouped.safeParse(order).data ?? {};
      return [{ command, server: server ?? "unknown", group }];
    }),
  );
  return found.flat();
}
