import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { acquireScript } from "../../../../src/adapters/redis/scripts/step/acquire.ts";
import { admitScript } from "../../../../src/adapters/redis/scripts/step/admit.ts";
import { cancelScript } from "../../../../src/adapters/redis/scripts/operator/cancel.ts";
import { claimScript } from "../../../../src/adapters/redis/scripts/step/claim.ts";
import { endInquiryScript } from "../../../../src/adapters/redis/scripts/end/end-inquiry.ts";
import { finishScript } from "../../../../src/adapters/redis/scripts/end/finish.ts";
import { KEY_TYPES } from "../../../../src/adapters/redis/keys.ts";
import { LINE_KEYS } from "../../../../src/adapters/redis/scripts/shared/line-argument.ts";
import { GATE_KEYS } from "../../../../src/adapters/redis/scripts/shared/gate-argument.ts";
import { hopScript } from "../../../../src/adapters/redis/scripts/step/hop.ts";
import { intentScript } from "../../../../src/adapters/redis/scripts/step/intent.ts";
import { keepPausesScript } from "../../../../src/adapters/redis/scripts/operator/keep-pauses.ts";
import { learnDurationScript } from "../../../../src/adapters/redis/scripts/calls/learn-duration.ts";
import { learnRateScript } from "../../../../src/adapters/redis/scripts/calls/learn-rate.ts";
import { listEndedScript } from "../../../../src/adapters/redis/scripts/calls/list-ended.ts";
import { listRoundScript } from "../../../../src/adapters/redis/scripts/calls/list-round.ts";
import { mayStartScript } from "../../../../src/adapters/redis/scripts/step/may-start.ts";
import { mayStopScript } from "../../../../src/adapters/redis/scripts/step/may-stop.ts";
import { noteActScript } from "../../../../src/adapters/redis/scripts/operator/note-act.ts";
import { noteWordScript } from "../../../../src/adapters/redis/scripts/operator/note-word.ts";
import { noteDiskScript } from "../../../../src/adapters/redis/scripts/step/note-disk.ts";
import { openEpochScript } from "../../../../src/adapters/redis/scripts/memory/open-epoch.ts";
import { pruneLockScript } from "../../../../src/adapters/redis/scripts/memory/prune-lock.ts";
import { refuseScript } from "../../../../src/adapters/redis/scripts/end/refuse.ts";
import { saveScript } from "../../../../src/adapters/redis/scripts/step/save.ts";
import { setPauseScript } from "../../../../src/adapters/redis/scripts/operator/set-pause.ts";
import { settleScript } from "../../../../src/adapters/redis/scripts/end/settle.ts";
import { BRAKE_FILES } from "../../../../src/adapters/redis/scripts/script.ts";
import { takeAuditScript } from "../../../../src/adapters/redis/scripts/operator/take-audit.ts";
import { takeAttemptScript } from "../../../../src/adapters/redis/scripts/step/take-attempt.ts";
import { takeCallsScript } from "../../../../src/adapters/redis/scripts/calls/take-calls.ts";
import { publishedAuditScript } from "../../../../src/adapters/redis/scripts/operator/published-audit.ts";
import { publishedScript } from "../../../../src/adapters/redis/scripts/end/published.ts";
import { unlockScript } from "../../../../src/adapters/redis/scripts/operator/unlock.ts";
import { verdictsScript } from "../../../../src/adapters/redis/scripts/operator/verdicts.ts";
import { watchMemoryScript } from "../../../../src/adapters/redis/scripts/memory/watch-memory.ts";

const FOLDER = new URL("../../../../src/adapters/redis/scripts/", import.meta.url);
const SCRIPTS = [
  acquireScript,
  admitScript,
  cancelScript,
  claimScript,
  endInquiryScript,
  finishScript,
  hopScript,
  intentScript,
  keepPausesScript,
  learnDurationScript,
  learnRateScript,
  listEndedScript,
  listRoundScript,
  mayStartScript,
  mayStopScript,
  noteActScript,
  noteDiskScript,
  noteWordScript,
  openEpochScript,
  pruneLockScript,
  refuseScript,
  saveScript,
  setPauseScript,
  settleScript,
  takeAttemptScript,
  takeCallsScript,
  takeAuditScript,
  publishedAuditScript,
  publishedScript,
  unlockScript,
  verdictsScript,
  watchMemoryScript,
];

/** What follows `prefix` in the script's own lines, each once. */
function named(lua: string, prefix: string): string[] {
  const found = lua.matchAll(new RegExp(`(?<![\\w.])${prefix}\\.(\\w+)`, "g"));
  return [...new Set([...found].map(([, name = ""]) => name))].toSorted();
}

/** Keys that are declared in a piece of Lua. */
function keysIn(lua: string): string[] {
  const found = lua.matchAll(/'(\w+) (?:hash|string|zset|list|counter)'/g);
  return [...found].map(([, key = ""]) => key);
}

describe("the two halves of a script say the same", () => {
  it.each(SCRIPTS.map((script) => [script.name, script] as const))("%s", (_, script) => {
    const lua = readFileSync(script.lua, "utf8").replaceAll(/--.*$/gm, "");
    const [, declared = ""] = /called\(([^)]*)\)/.exec(lua) ?? [];
    const keys = [
      ...keysIn(declared),
      ...(declared.includes("GATE_KEYS") ? GATE_KEYS : []),
      ...(declared.includes("LINE_KEYS") ? LINE_KEYS : []),
    ];
    expect(keys).toEqual(script.keys);
    for (const key of named(lua, "key")) expect(script.keys).toContain(key);
    if (!(script.argument instanceof z.ZodObject)) throw new Error("one object is the argument");
    expect(named(lua, "arg")).toEqual(Object.keys(script.argument.shape).toSorted());
  });

  it("the keys of the gate, in the order in which the files of the brakes come", () => {
    const declared = BRAKE_FILES.flatMap((file) => {
      const lua = readFileSync(new URL(`shared/brakes/${file}.lua`, FOLDER), "utf8");
      return keysIn([...lua.matchAll(/^GATE_KEYS\[.*$/gm)].join("\n"));
    });
    expect(declared).toEqual(GATE_KEYS);
    const files = readdirSync(new URL("shared/brakes/", FOLDER)).map((file) =>
      file.replace(".lua", ""),
    );
    expect(files.toSorted()).toEqual([...BRAKE_FILES, "table"].toSorted());
  });

  it("the keys of slots and lines, in the order of line.lua", () => {
    const lua = readFileSync(new URL("shared/line.lua", FOLDER), "utf8");
    expect(keysIn(/^local LINE_KEYS = [^}]*}/m.exec(lua)?.[0] ?? "")).toEqual(LINE_KEYS);
  });

  it("the type of a key, in each script that declares it, as doctor looks for it", () => {
    const lua = readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".lua"))
      .map((file) => readFileSync(new URL(file, FOLDER), "utf8"))
      .join("\n");
    const declared = [...lua.matchAll(/'(\w+) (hash|string|zset|list|counter)'/g)];
    const types = new Map<string, Set<string>>();
    for (const [, name = "", type = ""] of declared) {
      // As one script calls them, which has one of a kind.
      const key = { round: "listRound", seen: "pausesSeen" }[name] ?? name;
      types.set(key, (types.get(key) ?? new Set()).add(type));
    }
    const once = Object.entries(KEY_TYPES).filter(([name]) => types.has(name));
    expect(once.length).toBeGreaterThan(15);
    for (const [name, type] of once)
      expect([name, ...(types.get(name) ?? [])]).toEqual([name, type]);
  });

  it("each Lua file has its other half", () => {
    const found = readdirSync(FOLDER, { recursive: true, encoding: "utf8" });
    const scripts = found.filter((file) => file.endsWith(".lua") && !file.startsWith("shared/"));
    const shaped = SCRIPTS.map(({ lua }) => lua.href.slice(FOLDER.href.length));
    expect(scripts.toSorted()).toEqual([...new Set(shaped)].toSorted());
  });
});
