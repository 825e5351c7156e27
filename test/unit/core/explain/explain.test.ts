import { describe, expect, it } from "vitest";
import { WaitReason } from "../../../../src/contract/event.ts";
import type {
  BrakeSaid,
  CommandDetail,
  CommandStory,
  ServerDetail,
} from "../../../../src/contract/overview.ts";
import { explainCommand, explainServer } from "../../../../src/core/explain/explain.ts";
import { span } from "../../../../src/core/times-in-words.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const NOW = Date.parse("2026-11-23T14:20:00Z");

const WAITING: CommandDetail = {
  commandId: "heal-2",
  projectId: PROJECT,
  serverId: SERVER,
  phase: "waiting",
  sequence: 2,
  updatedAtMs: NOW - 1_000,
  outcome: null,
  jobId: null,
  finalEvent: null,
  createdAtMs: NOW - 60_000,
  attempt: 1,
  waitsFor: "server-busy",
  holder: "heal-1",
  sinceMs: NOW - 185_000,
  nextTryMs: NOW + 12_000,
  expiresAtMs: NOW + 3_600_000,
  notBeforeMs: null,
  source: null,
  reason: null,
  group: null,
  settled: null,
};
const LOCK = {
  owner: "heal-1",
  token: 3,
  operation: "reinstall",
  sinceMs: NOW - 200_000,
  phase: "watch",
};
const FREE: ServerDetail = { lock: null, waiting: [], history: [], brakes: [] };
const HELD: ServerDetail = { ...FREE, lock: LOCK };
const go = (brake: string): BrakeSaid => ({
  brake,
  verdict: "go",
  detail: null,
  scope: null,
  untilMs: null,
});

/** Of what the worker that is asked knows to be down. */
const AWAY = [{ name: "cloud", sinceMs: NOW - 49_000, detail: "iam: down, HTTP 503" }];

describe("while the cloud is away", () => {
  it.each(["watch", "restore", "prepare", "reconcile"])(
    "a command in phase %s does not say that there is nothing to do",
    (phase) => {
      const command = { ...WAITING, phase, waitsFor: null, holder: null };
      const story = { command, brakes: null, server: null, lastWord: null };
      const lines = explainCommand(story, NOW, AWAY).join("\n");
      expect(lines).toContain(
        "cloud is down since 2026-11-23T14:19:11.000Z (49 s) (iam: down, HTTP 503)",
      );
      expect(lines).toContain(
        "Find out why cloud is down: docs/runbooks/EcsReinstallDependencyDown.md",
      );
      expect(lines).not.toContain("nothing that you need to do");
      expect(explainCommand(story, NOW).join("\n")).not.toContain("is down");
    },
  );

  it.each([
    ["redis", "connect ECONNREFUSED", "EcsReinstallDependencyDown"],
    ["rabbitmq", "ACCESS_REFUSED", "EcsReinstallNoConsumers"],
    [
      "cloud",
      "ecs: up; credentials: down, the cloud refuses our credentials; clock: up",
      "EcsReinstallAuthFailing",
    ],
    ["cloud", "ecs: up; credentials: up; clock: down, clock-skew: 20 min", "EcsReinstallClockOff"],
    ["cloud", "ecs: down, credentials: up; clock: up", "EcsReinstallDependencyDown"],
  ])("of %s (%s) it names the page of its own alert", (name, detail, alert) => {
    const story = { command: WAITING, brakes: null, server: null, lastWord: null };
    const lines = explainCommand(story, NOW, [{ name, detail, sinceMs: NOW }]);
    expect(lines).toContain(`- Find out why ${name} is down: docs/runbooks/${alert}.md`);
  });

  it("one that has ended says nothing of it", () => {
    const command = { ...WAITING, phase: "ended", outcome: "succeeded" as const };
    const story = { command, brakes: null, server: null, lastWord: null };
    expect(explainCommand(story, NOW, AWAY).join("\n")).not.toContain("is down");
  });
});

function told(
  command: Partial<CommandDetail> = {},
  more: Partial<CommandStory> = {},
): readonly string[] {
  const story = {
    command: { ...WAITING, ...command },
    lastWord: null,
    brakes: [go("pause")],
    server: HELD,
    ...more,
  };
  return explainCommand(story, NOW);
}

describe("a command that waits", () => {
  it("for a busy server: who holds it, since when, who is before it, what comes next, what to do", () => {
    const waiting = ["heal-0", "heal-2", "heal-3"].map((commandId) => ({ commandId, sinceMs: 0 }));
    expect(told({}, { server: { ...HELD, waiting } })).toEqual([
      `Command heal-2 for server ${SERVER} is in phase waiting, since 2026-11-23T14:16:55.000Z (3 min 5 s): admit again, after a while.`,
      "It waits: its server is held by command heal-1 (phase watch), since 2026-11-23T14:16:40.000Z (3 min 20 s).",
      "Before it waits: heal-0.",
      "Its next step is at 2026-11-23T14:20:12.000Z (in 12 s).",
      "If it cannot start by 2026-11-23T15:20:00.000Z, it ends as expired.",
      "Brakes that say go: pause.",
      "No reinstall of this server is remembered (30 days).",
      "What you can do:",
      "- Look at the one who holds the server: ecs-reinstall explain heal-1",
      `- End it before it starts: ecs-reinstall cancel heal-2 --project ${PROJECT} --reason …`,
    ]);
  });

  it("for a server that is free by now says so, and who was the last to hold it", () => {
    expect(told({}, { server: FREE })).toContain(
      "It waits: its server was held by heal-1 at the last try; now nothing holds it.",
    );
    const other = { ...HELD, lock: { ...LOCK, owner: "heal-9" } };
    expect(told({}, { server: other })).toContain(
      "It waits: its server was held by heal-1 at the last try; now it is held by heal-9.",
    );
  });

  it.each([
    [
      { operation: "resize", owner: "ops/resizer" },
      "another service, ops/resizer (resize)",
      `ecs-reinstall unlock ${SERVER} --project ${PROJECT} --owner 'ops/resizer' --reason …`,
    ],
    [
      { operation: "resize", owner: "it's; $(reboot)" },
      "another service, it's; $(reboot) (resize)",
      `ecs-reinstall unlock ${SERVER} --project ${PROJECT} --owner 'it'\\''s; $(reboot)' --reason …`,
    ],
    [
      { phase: "unresolved" },
      "command heal-1, which ended unresolved",
      `ecs-reinstall resolve heal-1 --project ${PROJECT} --as not-reinstalled --reason …`,
    ],
  ])("behind %j", (lock, who, todo) => {
    const server = { ...HELD, lock: { ...LOCK, ...lock } };
    const lines = told({ holder: server.lock.owner }, { server }).join("\n");
    expect(lines).toContain(`its server is held by ${who}, since`);
    expect(lines).toContain(todo);
  });

  it.each<[string, string | null, string]>([
    ["pause", "project", `ecs-reinstall resume pause --project ${PROJECT} --reason …`],
    ["pause", "everything", "ecs-reinstall resume pause --everything --reason …"],
    [
      "pause",
      "group:web",
      `ecs-reinstall resume pause --project ${PROJECT} --group web --reason …`,
    ],
    [
      "pause",
      `server:${SERVER}`,
      `ecs-reinstall resume pause --project ${PROJECT} --server ${SERVER} --reason …`,
    ],
    ["pause", "configuration", "BRAKES_PAUSED=false"],
    ["protected", "operator", `ecs-reinstall unprotect ${SERVER} --project ${PROJECT} --reason …`],
    ["protected", "configuration", "BRAKES_PROTECTED"],
    ["quarantine", null, `ecs-reinstall release ${SERVER} --project ${PROJECT} --reason …`],
    ["storm-failures", null, `ecs-reinstall resume storm-failures --project ${PROJECT} --reason …`],
    [
      "storm-asks",
      null,
      `ecs-reinstall resume storm-asks --for 8h --project ${PROJECT} --reason …`,
    ],
    ["cooldown", null, "the server rests until 2026-11-23T14:25:00.000Z"],
    [
      "source",
      null,
      'Wait until 2026-11-23T14:25:00.000Z (BRAKES_PER_SOURCE_PER_HOUR). Or send a new command with override: ["source"]',
    ],
    [
      "sender",
      null,
      "Look at what this broker user asks for (per_hour in BRAKES_SENDERS).\n- Wait until 2026-11-23T14:25:00.000Z.",
    ],
    ["approval", "all", `ecs-reinstall approve heal-2 --project ${PROJECT} --reason …`],
    [
      "windows",
      null,
      'Wait until 2026-11-23T14:25:00.000Z. Or send a new command with override: ["windows"]',
    ],
    ["not-before", null, "Wait until 2026-11-23T14:25:00.000Z: its emitter asked for that"],
    ["a-later-one", null, "docs/brakes.md"],
  ])("for the brake %s (%s): its words, and what lifts it", (brake, scope, todo) => {
    const said = {
      brake,
      verdict: "wait",
      detail: "it is so",
      scope,
      untilMs: NOW + 300_000,
    } as const;
    const lines = told(
      { waitsFor: brake, holder: null },
      { brakes: [said, go("x")], server: FREE },
    );
    expect(lines).toContain("It waits: it is so.");
    expect(lines).toContain(`Brake ${brake} says wait: it is so.`);
    expect(lines).toContain("Brakes that say go: x.");
    expect(lines.join("\n")).toContain(todo);
    expect(lines).toContain(
      "What it waits for ends at 2026-11-23T14:25:00.000Z, if nothing new comes.",
    );
  });

  it.each(["cooldown", "source", "sender", "windows"])(
    "for the brake %s, which holds it for longer than it lives: nobody is told to wait",
    (brake) => {
      const said = {
        brake,
        verdict: "wait",
        detail: "it is so",
        scope: null,
        untilMs: NOW + 7_200_000,
      } as const;
      const lines = told({ waitsFor: brake, holder: null }, { brakes: [said], server: FREE });
      expect(lines).toContain(
        "That is too late for it: it ends as expired at 2026-11-23T15:20:00.000Z.",
      );
      expect(lines.join("\n")).not.toMatch(/If it cannot start|[Ww]ait until|the server rests/);
      expect(lines.join("\n")).toContain(
        "- Do not wait for it: it expires at 2026-11-23T15:20:00.000Z, before 2026-11-23T16:20:00.000Z. Send a new command with a later expires_at.",
      );
    },
  );

  it("for what is no brake: what its last event said of it, and when", () => {
    const lastWord = { atMs: NOW - 60_000, detail: "the disk service refuses", nextStep: null };
    expect(told({ waitsFor: "cloud-unavailable", holder: null }, { lastWord })).toContain(
      "It waits: the cloud does not answer, or refuses what the worker asks for. Its event of 2026-11-23T14:19:00.000Z said: the disk service refuses.",
    );
    const advised = { ...lastWord, nextStep: "Give the right." };
    const asked = told({ waitsFor: "cloud-unavailable", holder: null }, { lastWord: advised });
    expect(asked.join("\n")).toContain(
      "said: the disk service refuses. What to do, it said: Give the right.",
    );
    expect(asked).toContain("- Give the right.");
    expect(asked).not.toContain("There is nothing that you need to do.");
  });

  it("for a brake that says go by now", () => {
    const lines = told({ waitsFor: "pause", holder: null }, { server: FREE });
    expect(lines).toContain("It waited for the brake pause, which says go by now.");
  });

  it("for the instant that it asked for", () => {
    expect(told({ waitsFor: "not-before", notBeforeMs: NOW + 1_000 })).toContain(
      "It waits: it asked not to be started before 2026-11-23T14:20:01.000Z.",
    );
  });

  it.each(WaitReason.options)("for %s, in one sentence", (waitsFor) => {
    const lines = told({ waitsFor, holder: null }, { server: FREE, brakes: null });
    expect(lines.filter((line) => line.startsWith("It wait"))).toHaveLength(1);
    expect(lines).toContain("What the brakes say of it is not known.");
  });

  it("for something that only a later version knows", () => {
    expect(told({ waitsFor: "toString", holder: null })).toContain("It waits: toString.");
  });
});

describe("a command that has joined another", () => {
  const joined = { phase: "joined", waitsFor: null, holder: "heal-1" } as const;
  const quarantine: BrakeSaid = { ...go("quarantine"), verdict: "no", detail: "3 in 24 h" };

  it("shares its reinstall, so no brake holds it, nor the quarantine of its server", () => {
    expect(told(joined, { brakes: [quarantine, go("pause")] })).toEqual([
      `Command heal-2 for server ${SERVER} is in phase joined, since 2026-11-23T14:16:55.000Z (3 min 5 s): read the outcome of the command that was joined.`,
      "It has joined command heal-1, which has the server: it shares that one's reinstall, and makes none of its own. What that reinstall comes to is said of it, too.",
      "Should the other end without one (expired, cancelled and so on), it is admitted again by itself.",
      "Its next step is at 2026-11-23T14:20:12.000Z (in 12 s).",
      "If it cannot start by 2026-11-23T15:20:00.000Z, it ends as expired.",
      "No brake is asked while it shares that reinstall. By itself it would meet now:",
      "Brake quarantine says no: 3 in 24 h.",
      "Brakes that say go: pause.",
      "No reinstall of this server is remembered (30 days).",
      "What you can do:",
      "- Look at the one who holds the server: ecs-reinstall explain heal-1",
      `- End it before it starts: ecs-reinstall cancel heal-2 --project ${PROJECT} --reason …`,
    ]);
  });

  it("that waits itself: whom to look at, and no approval that changes nothing", () => {
    const approval: BrakeSaid = { ...go("approval"), verdict: "wait", detail: "a person must" };
    const lines = told(joined, { brakes: [approval], server: FREE }).join("\n");
    expect(lines).toContain("It has joined command heal-1: it shares");
    expect(lines).toContain("- Look at the one that it has joined: ecs-reinstall explain heal-1");
    expect(lines).not.toContain("ecs-reinstall approve heal-2");
  });

  it("where nothing would hold it", () => {
    expect(told(joined)).toContain(
      "No brake is asked while it shares that reinstall, and none would hold it by itself now.",
    );
    expect(told(joined, { brakes: null })).toContain("What the brakes say of it is not known.");
  });
});

describe("a command in another phase", () => {
  it("says what it does, with its job, and offers no cancel when its request is sent", () => {
    const lines = told({
      phase: "watch",
      waitsFor: null,
      holder: null,
      jobId: "job-1",
      nextTryMs: null,
    });
    expect(lines[0]).toContain("in phase watch");
    expect(lines[0]).toContain("Job: job-1.");
    expect(lines).toContain("A worker has it in hand now.");
    expect(lines.join("\n")).not.toMatch(/cancel|expired/);
  });

  it("of a later version, and one that is late", () => {
    const lines = told({ phase: "teleport", nextTryMs: NOW - 5_000 });
    expect(lines[0]).toContain("a step that this version does not know");
    expect(lines).toContain("Its next step is due since 2026-11-23T14:19:55.000Z (5 s).");
  });
});

describe("a command that has ended", () => {
  it.each(["ask for more", "ask for more."])(
    "says how, and what its event said: %s",
    (next_step) => {
      const finalEvent = { data: { message: "no quota", next_step } };
      const [line] = told({ outcome: "failed", phase: "done", finalEvent });
      expect(line).toContain("ended failed at 2026-11-23T14:19:59.000Z.");
      expect(line).toMatch(/ It said: message: no quota; next step: ask for more\.$/);
    },
  );

  it.each<[string, Partial<CommandDetail>, ServerDetail, string]>([
    [
      "is in doubt",
      {},
      { ...HELD, lock: { ...LOCK, owner: "heal-2" } },
      `ecs-reinstall resolve heal-2 --project ${PROJECT} --as reinstalled --reason …, or the same with --as not-reinstalled`,
    ],
    ["was settled", { settled: { as: "reinstalled" } }, FREE, "Later it was settled: reinstalled."],
    ["was unlocked", {}, FREE, "somebody has freed it"],
  ])("unresolved, and %s", (_what, more, server, says) => {
    const lines = told({ outcome: "unresolved", phase: "done", ...more }, { server });
    expect(lines.join("\n")).toContain(says);
  });
});

describe("a server", () => {
  const of = { project: PROJECT, server: SERVER };

  it("that nothing holds: what a new command would meet, and its last reinstalls", () => {
    const past = {
      commandId: "heal-1",
      attempt: 1,
      atMs: NOW - 400_000,
      source: "healer",
      reason: "panic",
    };
    const history = [
      { ...past, endedMs: null, outcome: null },
      { ...past, endedMs: NOW - 300_000, outcome: "succeeded" },
    ];
    expect(
      explainServer(of, { ...FREE, history, brakes: [go("pause"), go("cooldown")] }, NOW),
    ).toEqual([
      `Nothing holds server ${SERVER}.`,
      "No command waits for it.",
      "A new command for it, without a group, would meet:",
      "Brakes that say go: pause, cooldown.",
      "Its last reinstalls (2), the youngest first:",
      "- 2026-11-23T14:13:20.000Z heal-1: goes on since 6 min 40 s, from healer, reason: panic",
      "- 2026-11-23T14:13:20.000Z heal-1: succeeded after 1 min 40 s, from healer, reason: panic",
      "There is nothing that you need to do.",
    ]);
  });

  it("says what is down of all that a new command would need", () => {
    const away = [{ name: "rabbitmq", sinceMs: NOW - 60_000, detail: "Heartbeat timeout" }];
    const lines = explainServer(of, { ...FREE, brakes: [] }, NOW, away);
    expect(lines[1]).toContain("rabbitmq is down since 2026-11-23T14:19:00.000Z (1 min)");
    expect(lines.at(-1)).toContain("Find out why rabbitmq is down");
  });

  it("says what cannot be read of its own project, and of no other; of a server's key only that server", () => {
    const said = (project: string, name = "line") => {
      const key = `ecs:{${project}}:${name}`;
      const page = "docs/runbooks/EcsReinstallStepErrors.md";
      const away = [{ name: "redis", sinceMs: NOW, detail: `holds what: ${key}`, page }];
      return explainServer(of, { ...FREE, brakes: [] }, NOW, away).join("\n");
    };
    expect(said(of.project)).toContain("redis, of this project, holds what: ecs:{");
    expect(said(of.project)).toContain("- Have what redis holds put right: docs/runbooks");
    expect(said(of.project, `lock:${of.server}`)).toContain("redis, of this project");
    expect(said(of.project, "lock:another")).not.toContain("redis, of this project");
    expect(said("another")).toContain("There is nothing that you need to do.");
  });

  it("whose lock nobody can read: no other service is asked for it", () => {
    const lock = { ...HELD.lock, owner: "unreadable", operation: "unreadable", sinceMs: null };
    const lines = explainServer(of, { ...FREE, lock } as typeof HELD, NOW).join("\n");
    expect(lines).toContain("is held by a key that no worker and no service can have written.");
    expect(lines).toContain(`Have the key ecs:{${of.project}}:lock:${of.server} looked at`);
    expect(lines).not.toMatch(/1970|unlock/);
  });

  it("whose holder does not say since when: nothing is said of it", () => {
    const lock = { ...HELD.lock, owner: "ops", operation: "resize", sinceMs: null };
    const [holds] = explainServer(of, { ...FREE, lock } as typeof HELD, NOW);
    expect(holds).toBe(`Server ${of.server} is held by another service, ops (resize).`);
  });

  it("whose last allowed reinstall runs: who asks for the same shares it", () => {
    const quarantine: BrakeSaid = { ...go("quarantine"), verdict: "no", detail: "3 in 24 h" };
    const lines = explainServer(of, { ...HELD, brakes: [quarantine] }, NOW);
    expect(lines.slice(2, 5)).toEqual([
      "A new command with the content of heal-1 would join that one, and make no reinstall of its own.",
      "Any other for it, without a group, would meet:",
      "Brake quarantine says no: 3 in 24 h.",
    ]);
    const shared = (changed: Partial<ServerDetail>) =>
      explainServer(of, { ...HELD, brakes: [], ...changed }, NOW)
        .join()
        .includes("would join");
    const protectedOne: BrakeSaid = { ...go("protected"), verdict: "no", detail: "by ada" };
    expect(shared({})).toBe(true);
    expect(shared({ brakes: [protectedOne] })).toBe(false);
    expect(shared({ lock: { ...LOCK, phase: "unresolved" } })).toBe(false);
    expect(shared({ lock: { ...LOCK, operation: "resize" } })).toBe(false);
  });

  it("that is held, with a long line", () => {
    const waiting = Array.from({ length: 12 }, (_, at) => ({ commandId: `c${at}`, sinceMs: 0 }));
    const lines = explainServer(of, { ...HELD, waiting, brakes: null }, NOW);
    expect(lines[0]).toContain("is held by command heal-1 (phase watch)");
    expect(lines[1]).toBe(
      "12 commands wait for it, in this order: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more.",
    );
    expect(lines).toContain("- Look at the one who holds the server: ecs-reinstall explain heal-1");
  });

  it("whose lock another service wrote with no time in it", () => {
    const lock = { ...LOCK, operation: "x", sinceMs: Number.NaN };
    expect(explainServer(of, { ...FREE, lock }, NOW)[0]).toContain("(unknown) (an unknown time)");
  });
});

it.each([
  [-5, "0 s"],
  [4_200, "4 s"],
  [185_000, "3 min 5 s"],
  [3_600_000, "1 h"],
  [90_000_000, "1 d 1 h"],
])("%d ms are %s", (ms, shown) => {
  expect(span(ms)).toBe(shown);
});
