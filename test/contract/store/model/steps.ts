import * as fc from "fast-check";

/**
 * Commands of the model, as often as they are asked about: the first two are for one server, each of the others for one of
 * its own. There are fewer slots than servers.
 */
const COMMANDS = [0, 0, 0, 1, 1, 2, 2, 3] as const;

/** What may be taken from the user of Redis while a script runs. */
const RIGHTS = ["hset", "hdel", "zadd", "zrem", "del", "pexpire", "incr", "set", "hsetnx"] as const;
/** Keys where something foreign may be in the way. */
const KEYS = [
  "command",
  "inquiry",
  "lock",
  "active",
  "waiters",
  "slots",
  "line",
  "lineUntil",
  "last",
  "token",
  "epoch",
  "pauses",
] as const;

/** Redis refuses a script, at its beginning or half way; afterwards the same is asked again. */
export type Fault =
  | { readonly kind: "right"; readonly missing: (typeof RIGHTS)[number] }
  | { readonly kind: "foreign"; readonly key: (typeof KEYS)[number] }
  | { readonly kind: "memory-full" };

/** `back`: how many claims, or messages, of that command before the last. */
type Call =
  | {
      readonly op: "admit";
      readonly content: number;
      readonly nonce: number;
      readonly redelivered: boolean;
      readonly mayHaveRun: boolean;
      readonly unseen: boolean;
      readonly observed: boolean;
      readonly dryRun: boolean;
      readonly elsewhere: boolean;
    }
  | { readonly op: "refuse"; readonly content: number; readonly stray: boolean }
  | {
      readonly op: "claim";
      readonly back: number;
      readonly nonce: number;
      readonly redelivered: boolean;
      readonly unseen: boolean;
    }
  | { readonly op: "hop"; readonly back: number; readonly redelivered: boolean }
  | { readonly op: "acquire" | "mayStop"; readonly back: number }
  | { readonly op: "takeAttempt"; readonly back: number; readonly held: number }
  | { readonly op: "recordIntent"; readonly back: number; readonly attempt: number }
  | {
      readonly op: "save";
      readonly back: number;
      readonly phase:
        | "submit"
        | "joined"
        | "watch"
        | "inquiry"
        | "cap"
        | "group-cap"
        | "busy"
        | "paused";
      /** With the claim of an inquiry, that phase all the same. */
      readonly astray: boolean;
      readonly clears: boolean;
      readonly releases: boolean;
    }
  | {
      readonly op: "finish";
      readonly back: number;
      readonly frees: boolean;
      readonly heals: boolean;
      /** What it says of reinstalls in general. */
      readonly says: "success" | "failure" | "nothing";
      readonly inquires: boolean;
      /** It leaves a debt at the server. */
      readonly owes: boolean;
    }
  | {
      readonly op: "settle";
      readonly as: "reinstalled" | "not-reinstalled";
      readonly token: "its" | "any" | "another";
      readonly heals: boolean;
      readonly early: boolean;
    }
  /** `early`: perhaps before the command has ended. */
  | { readonly op: "endInquiry"; readonly early: boolean }
  | { readonly op: "published"; readonly inquiry: boolean }
  | { readonly op: "outcomeOf" | "cancel" | "unlock" };

type Event =
  | { readonly op: "setPause"; readonly scope: number; readonly on: boolean }
  | {
      readonly op: "keepPauses";
      readonly scope: number;
      readonly on: boolean;
      readonly ageMs: number;
      /** Of a storm of failures: so many slots are open again; null: none. */
      readonly level: number | null;
    }
  | { readonly op: "sweep"; readonly limit: number }
  | { readonly op: "wait"; readonly ms: number }
  | { readonly op: "flushAll" | "restart" };

export type Step = (Event | (Call & { readonly command: number })) & {
  /** Its reply is lost: asked once more. */
  readonly twice: boolean;
  readonly fault: Fault | null;
};

const back = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 2 }));
const content = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.constant(1));
const rarely = fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true));
const nonce = fc.integer({ min: 0, max: 3 });
const redelivered = fc.boolean();
const is = <const T extends string>(op: T) => fc.constant(op);

const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: is("admit"),
      content,
      nonce,
      redelivered,
      mayHaveRun: rarely,
      unseen: rarely,
      observed: rarely,
      dryRun: rarely,
      elsewhere: rarely,
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: is("refuse"), content, stray: rarely }) },
  {
    weight: 5,
    arbitrary: fc.record({ op: is("claim"), back, nonce, redelivered, unseen: rarely }),
  },
  { weight: 2, arbitrary: fc.record({ op: is("hop"), back, redelivered }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom("acquire", "mayStop"), back }) },
  {
    weight: 1,
    arbitrary: fc.record({ op: is("takeAttempt"), back, held: fc.integer({ min: 1, max: 2 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: is("recordIntent"), back, attempt: fc.integer({ min: 1, max: 2 }) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      op: is("save"),
      back,
      phase: fc.constantFrom(
        "submit",
        "joined",
        "watch",
        "inquiry",
        "cap",
        "group-cap",
        "busy",
        "paused",
      ),
      astray: rarely,
      clears: rarely,
      releases: rarely,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: is("finish"),
      back,
      frees: fc.boolean(),
      heals: fc.boolean(),
      says: fc.constantFrom("success", "failure", "nothing"),
      inquires: fc.boolean(),
      owes: rarely,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      op: is("settle"),
      as: fc.constantFrom("reinstalled", "not-reinstalled"),
      token: fc.constantFrom("its", "its", "any", "another"),
      heals: fc.boolean(),
      early: rarely,
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: is("endInquiry"), early: rarely }) },
  { weight: 1, arbitrary: fc.record({ op: is("published"), inquiry: rarely }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom("outcomeOf", "cancel", "unlock") }) },
);

const scope = fc.integer({ min: 0, max: 5 });
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ op: is("setPause"), scope, on: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      op: is("keepPauses"),
      scope,
      on: fc.boolean(),
      ageMs: fc.constantFrom(0, 500, 40 * 86_400_000),
      level: fc.constantFrom(null, 1, 2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: is("sweep"), limit: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 5, arbitrary: fc.record({ op: is("wait"), ms: fc.constantFrom(1, 400, 2_500) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("flushAll", "restart") }) },
);

const fault: fc.Arbitrary<Fault | null> = fc.oneof(
  { weight: 12, arbitrary: fc.constant(null) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: is("right"), missing: fc.constantFrom(...RIGHTS) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: is("foreign"), key: fc.constantFrom(...KEYS) }) },
  { weight: 1, arbitrary: fc.record({ kind: is("memory-full") }) },
);

const command = fc.constantFrom(...COMMANDS);

/** Sequences of what may be asked of a store, and of what may happen to it between. */
export const STEPS: fc.Arbitrary<readonly Step[]> = fc.array(
  fc
    .tuple(
      fc.oneof(
        {
          weight: 8,
          arbitrary: fc.tuple(call, command).map(([of, to]) => ({ ...of, command: to })),
        },
        { weight: 2, arbitrary: event },
      ),
      rarely,
      fault,
    )
    .map(([what, twice, refused]): Step => ({ ...what, twice, fault: refused })),
  { minLength: 1, maxLength: 40, size: "max" },
);
