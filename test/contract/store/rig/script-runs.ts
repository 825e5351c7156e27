import { keysOf } from "../../../../src/adapters/redis/keys.ts";
import { INQUIRY_SUFFIX } from "../../../../src/core/state/envelope.ts";
import { PauseScope } from "../../../../src/contract/brakes.ts";
import { ServerId } from "../../../../src/contract/ids.ts";
import {
  claimed,
  delivery,
  DISK,
  order,
  outcome,
  PROJECT,
  REDELIVERED,
  SERVER,
} from "./samples.ts";
import {
  AGAIN,
  BY,
  COMMAND,
  FIRST,
  finishing,
  firstOfInquiry,
  forgotten,
  givingBack,
  INTENT,
  intended,
  leavingInquiry,
  owing,
  NOTHING,
  type Ready,
  refusal,
  refused,
  saveOf,
  settling,
  submitting,
  unresolved,
  unresolvedBy,
} from "./script-states.ts";
import type { TwoUsers, User } from "./two-users.ts";

/** One script that writes, in a state in which it has something to write. */
interface ScriptRun {
  readonly what: string;
  /** Brings a Redis that is empty into that state. */
  readonly before: (users: TwoUsers) => Promise<Ready>;
  readonly act: (user: User, ready: Ready) => Promise<unknown>;
  /** What comes next instead of the same again: another way that leads to what a failure left undone. */
  readonly afterwards?: (user: User, ready: Ready) => Promise<unknown>;
}

const k = keysOf(PROJECT);
const REINSTALLED = { kind: "reinstalled", diskId: DISK, atMs: 1_000, healed: true } as const;
const id = COMMAND.commandId;
const OTHER = order("cmd-b", { serverId: ServerId.parse(SERVER.replace(/.$/, "0")) });

const GIVES_BACK: Pick<ScriptRun, "before" | "act"> = {
  before: intended,
  act: ({ store }, { claim }) => store.save(givingBack(claim)),
};
const FINISHES_NOW: Pick<ScriptRun, "before" | "act"> = {
  before: intended,
  act: ({ store }, { claim }) => store.finish(finishing(claim)),
};

const SAVES: readonly ScriptRun[] = [
  { what: "save", before: submitting, act: ({ store }, { claim }) => store.save(saveOf(claim)) },
  {
    what: "save that takes a debt over",
    before: owing,
    act: ({ store }, { claim }) => store.save(saveOf(claim)),
  },
  {
    what: "save that gives the lock back",
    ...GIVES_BACK,
  },
  {
    what: "save, its message delivered again",
    ...GIVES_BACK,
    afterwards: ({ store }, { message }) => store.claim(message, AGAIN),
  },
  {
    what: "save, its message waits on",
    ...GIVES_BACK,
    afterwards: ({ store }, { message }) => store.hop(message, { redelivered: true }),
  },
];

const FINISHES: readonly ScriptRun[] = [
  {
    what: "finish",
    ...FINISHES_NOW,
  },
  {
    what: "finish that leaves a debt",
    before: intended,
    act: ({ store }, { claim }) =>
      store.finish({ ...finishing(claim), owes: { was: "on", mayHaveStopped: true } }),
  },
  {
    what: "finish that takes a debt over",
    before: owing,
    act: ({ store }, { claim }) => store.finish(finishing(claim)),
  },
  {
    what: "finish that keeps the lock",
    before: intended,
    act: ({ store }, { claim }) =>
      store.finish({ ...finishing(claim), lock: "keep", healedAtMs: null }),
  },
  {
    what: "finish, its message delivered again",
    ...FINISHES_NOW,
    afterwards: ({ store }, { message }) => store.claim(message, AGAIN),
  },
  {
    what: "finish, and another delivery finishes",
    ...FINISHES_NOW,
    afterwards: ({ store }, { claim }) =>
      store.finish({ ...finishing({ ...claim, nonce: "other" }), lock: "keep" }),
  },
  {
    what: "finish of an admission, delivered again",
    before: async ({ whole: { store } }) => ({
      ...NOTHING,
      claim: claimed(await store.admit(COMMAND, delivery("n"))).claim,
    }),
    act: ({ store }, { claim }) => store.finish({ ...finishing(claim), healedAtMs: null }),
    afterwards: ({ store }) => store.admit(COMMAND, delivery("n", REDELIVERED)),
  },
  {
    what: "finish, and its event is confirmed",
    ...FINISHES_NOW,
    afterwards: ({ store }) => store.published(PROJECT, id, 2),
  },
  {
    what: "published",
    before: async (users) => {
      const ready = await submitting(users);
      await users.whole.store.finish(finishing(ready.claim));
      return ready;
    },
    act: ({ store }) => store.published(PROJECT, id, 2),
  },
  {
    what: "published, two at once",
    before: async (users) => {
      const { store } = users.whole;
      const ready = await submitting(users);
      await store.finish(finishing(ready.claim));
      const { claim } = claimed(await store.admit(OTHER, delivery("o")));
      await store.finish({ ...finishing(claim), order: OTHER, outcome: outcome(OTHER) });
      return ready;
    },
    act: ({ store }) =>
      Promise.all([OTHER.commandId, id].map((one) => store.published(PROJECT, one, 2))),
  },
];

const INQUIRIES: readonly ScriptRun[] = [
  {
    what: "finish that leaves an inquiry",
    before: intended,
    act: ({ store }, { claim }) => store.finish(leavingInquiry(claim)),
  },
  {
    what: "finish that leaves an inquiry, whose message comes",
    before: intended,
    act: ({ store }, { claim }) => store.finish(leavingInquiry(claim)),
    afterwards: async ({ store }, { claim, message }) => {
      await store.claim(message, AGAIN);
      await store.hop(firstOfInquiry(claim), { redelivered: false });
    },
  },
  {
    what: "settle",
    before: unresolved,
    act: ({ store }) => store.settle(settling("reinstalled")),
  },
  {
    what: "settle, and somebody else settles it otherwise",
    before: unresolved,
    act: ({ store }) => store.settle(settling("reinstalled")),
    afterwards: ({ store }) => store.settle(settling("not-reinstalled")),
  },
  {
    what: "settle, and the message of its inquiry comes",
    before: unresolved,
    act: ({ store }) => store.settle(settling("reinstalled")),
    afterwards: ({ store }, { message }) => store.claim(message, AGAIN),
  },
  {
    what: "settle where nobody remembers the inquiry",
    before: async (users) => {
      const ready = await unresolved(users);
      await users.whole.client.del(k.command(`${id}${INQUIRY_SUFFIX}`));
      return ready;
    },
    act: ({ store }) => store.settle(settling("reinstalled")),
  },
  {
    what: "note-word",
    before: (users) => unresolvedBy(users, { power: { was: "on", mayHaveStopped: true } }),
    act: (user) => user.noteWord(),
  },
  {
    what: "end-inquiry",
    before: unresolved,
    act: ({ store }) => store.endInquiry(COMMAND),
  },
];

const ADMISSIONS: readonly ScriptRun[] = [
  {
    what: "note-disk",
    before: async ({ whole: { store } }) => ({
      ...NOTHING,
      claim: claimed(await store.admit(COMMAND, delivery("n"))).claim,
    }),
    act: ({ store }, { claim }) => store.noteDisk(COMMAND, claim, REINSTALLED),
  },
  {
    what: "admit",
    before: async () => NOTHING,
    act: ({ store }) => store.admit(COMMAND, delivery("n")),
  },
  {
    what: "admit, delivered again",
    before: async () => NOTHING,
    act: ({ store }) => store.admit(COMMAND, delivery("n")),
    afterwards: ({ store }) => store.admit(COMMAND, delivery("n", { redelivered: true })),
  },
  {
    what: "admit after a refusal",
    before: refused,
    act: ({ store }) => store.admit(COMMAND, delivery("n")),
  },
  {
    what: "refuse",
    before: async () => NOTHING,
    act: ({ store }) => store.refuse(refusal("one", 1)),
  },
  {
    what: "refuse another",
    before: refused,
    act: ({ store }) => store.refuse(refusal("another", 2)),
  },
  {
    what: "refuse more than are kept",
    before: (users) => refused(users, 17),
    act: ({ store }) => store.refuse(refusal("another", 18)),
  },
  {
    what: "refuse what names no project of ours",
    before: async () => NOTHING,
    act: ({ store }) => store.refuse({ ...refusal("one", 1), strayFrom: "-" }),
  },
];

const CLAIMS: readonly ScriptRun[] = [
  {
    what: "claim in an emptied memory",
    before: forgotten,
    act: ({ store }, { message }) => store.claim(message, FIRST),
  },
  {
    what: "hop in an emptied memory",
    before: forgotten,
    act: ({ store }, { message }) => store.hop(message, { redelivered: false }),
  },
  {
    what: "claim after a refusal in an emptied memory",
    before: async (users) => {
      const ready = await forgotten(users);
      await refused(users);
      return ready;
    },
    act: ({ store }, { message }) => store.claim(message, FIRST),
  },
  {
    what: "acquire",
    before: async (users) => {
      const ready = await submitting(users);
      await users.whole.client.del(k.lock(SERVER));
      return ready;
    },
    act: ({ store }, { claim }) => store.acquire(COMMAND, claim, false),
  },
  {
    what: "take-attempt",
    before: submitting,
    act: ({ store }, { claim }) => store.takeAttempt(COMMAND, claim, 1),
  },
  {
    what: "intent",
    before: submitting,
    act: ({ store }, { claim }) => store.recordIntent(COMMAND, claim, INTENT),
  },
];

const ACT = { id: "act-1", ...BY };

const BY_PEOPLE: readonly ScriptRun[] = [
  {
    what: "set-pause that lifts a pause of an older version",
    before: async ({ whole: { client } }) => {
      await client.set(k.paused, "why");
      return NOTHING;
    },
    act: ({ operator }) =>
      operator.setPause(PROJECT, { scope: PauseScope.parse("project"), on: false, ...ACT }),
  },
  {
    what: "keep-pauses",
    before: async ({ whole: { client } }) => {
      await client.hset(k.pauses, "project", JSON.stringify({ on: false, atMs: 1, ...BY }));
      return NOTHING;
    },
    act: ({ pauses }) => {
      const entry = { on: true, atMs: 1_800_000_000_000, ...BY };
      return pauses.keep(PROJECT, new Map([[PauseScope.parse("everything"), entry]]));
    },
  },
  {
    what: "keep-pauses with a storm of failures",
    before: async () => NOTHING,
    act: ({ pauses }) => {
      const atMs = 1_800_000_000_000;
      const progress = { changedMs: atMs, probeAtMs: atMs, cooldownMs: 1_200_000, probe: "cmd-a" };
      const entry = { on: true, atMs, by: "worker", reason: "five failed", storm: progress };
      return pauses.keep(PROJECT, new Map([["storm-failures", entry]]));
    },
  },
  {
    what: "cancel",
    before: async ({ whole: { store } }) => {
      await store.admit(COMMAND, delivery("n"));
      return NOTHING;
    },
    act: ({ operator }) => operator.cancel(PROJECT, id, ACT),
  },
  {
    what: "unlock",
    before: async ({ whole: { client } }) => {
      await client.hset(k.lock(SERVER), "owner", "left-behind");
      return NOTHING;
    },
    act: ({ operator }) => operator.unlock(PROJECT, { server: SERVER, owner: "left-behind" }, ACT),
  },
  {
    what: "settle by a person",
    before: unresolved,
    act: (sides) =>
      sides.settleByHand(settling("reinstalled"), { ...ACT, action: "resolve", command: id }),
  },
  {
    what: "take-audit",
    before: async ({ whole: { operator } }) => {
      await operator.setPause(PROJECT, { scope: PauseScope.parse("project"), on: true, ...ACT });
      return NOTHING;
    },
    act: ({ audit }) => audit.take(PROJECT, 1_000),
    afterwards: async ({ client, audit }) => {
      await client.del(k.auditLease);
      await audit.take(PROJECT, 1_000);
    },
  },
  {
    what: "published-audit",
    before: async ({ whole: { operator, client } }) => {
      await operator.setPause(PROJECT, { scope: PauseScope.parse("project"), on: true, ...ACT });
      await client.set(k.auditLease, "mine");
      return NOTHING;
    },
    act: ({ audit }) => audit.published(PROJECT, { after: 0, lease: "mine" }, 1),
  },
];

/** Every script that writes, and every way to what it left undone. */
export const SCRIPT_RUNS = [
  ...SAVES,
  ...FINISHES,
  ...INQUIRIES,
  ...ADMISSIONS,
  ...CLAIMS,
  ...BY_PEOPLE,
];
