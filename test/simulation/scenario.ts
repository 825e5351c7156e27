import type { SenderRule } from "../../src/core/intake/senders.ts";
import { ServerId } from "../../src/contract/ids.ts";
import type { Rules } from "../../src/core/rules.ts";
import type { ServerPlan } from "../support/in-memory/cloud.ts";
import { FAULTS, FOCUS_LABELS, type Fault, type FaultRates } from "./faults/faults.ts";
import { Random } from "./random.ts";
import { BEGINNING_MS } from "../support/in-memory/virtual-time.ts";
import { RULES } from "./rules.ts";
import type { BrakeRules } from "../../src/core/brakes/brake-rules.ts";
import { LIST_RULES, type ListRules } from "../../src/core/calls/list-round.ts";
import { NO_BRAKES } from "../support/brake-rules.ts";

export const PROJECT = "0123456789abcdef0123456789abcdef";
/** Stands for `user_data`: it must never be seen outside the messages that carry it. */
export const SECRET = "IyEvYmluL3NoCmVjaG8gc2VjcmV0LXVzZXItZGF0YS1vZi10aGUtc2ltdWxhdGlvbg==";

/** One publish of a command by an emitter. */
export interface Emission {
  readonly atMs: number;
  readonly id: string;
  readonly serverId: ServerId;
  readonly body: Buffer;
  readonly replyTo: string | undefined;
}

export interface CloudTraits {
  readonly lax: boolean;
  readonly keepsDisk: boolean;
  readonly failShare: number;
  readonly stuckShare: number;
  readonly strangeJobs: boolean;
  /** The longest reinstall. */
  readonly jobsUpToMs: number;
  /** The shortest one, where jobs are as simple as they can be: at once known, and over when they say so. */
  readonly plainJobsFromMs?: number;
}

/** Everything that a seed decides before the first event. */
export interface Scenario {
  readonly seed: number;
  readonly workers: number;
  readonly prefetch: number;
  readonly rules: Rules;
  readonly servers: readonly ServerPlan[];
  readonly cloud: CloudTraits;
  /** Samples the evidence starts with: untested, trusted or contradicted. */
  readonly samples: { readonly replaced: number; readonly kept: number };
  /** How long jobs took before, as the store has it: right, too long, or too short; absent: nothing was learned. */
  readonly durations?: readonly number[];
  /** When polls share a list of servers; absent: each asks for its own job. */
  readonly lists?: ListRules;
  readonly emissions: readonly Emission[];
  readonly rates: FaultRates;
  readonly focus: readonly string[];
  readonly focusFactor: number;
  readonly faultsForMs: number;
  /** Is there a disk service, which knows how old disks are? */
  readonly disks: boolean;
  /** Somebody else reinstalls servers whose lock is held. */
  readonly rudeOutsiders: boolean;
  /** What the cloud turns away it may ask to stay away for up to this long; 0: it does not say. */
  readonly retryAfterUpToMs: number;
  /** Clocks of workers are off by up to this. */
  readonly skewMs: number;
  readonly slowNetwork: boolean;
  /** Limits of all workers. */
  readonly brakes: BrakeRules;
  /** How many commands of each broker user may start within an hour; absent: as many as it asks for. */
  readonly senders?: readonly SenderRule[];
  /** The windows of all workers open at this instant, by the worker's own clock; absent or 0: there are none. */
  readonly opensAtMs?: number;
  readonly deliveryLimit: { readonly commands: number; readonly work: number };
}

/** So low that the few commands of a scenario reach it. */
export const LIMITED: BrakeRules = {
  ...NO_BRAKES,
  serverLimit: 1,
  cooldownMs: 20_000,
  stormSame: 2,
  stormCooldownMs: 60_000,
};

export function scenarioOf(seed: number): Scenario {
  const random = new Random(seed);
  const keepsDisk = random.chance(0.15);
  const servers = serversOf(random);
  const rates = ratesOf(random);
  const scenario: Scenario = {
    seed,
    opensAtMs: 0,
    brakes: seed % 4 === 0 ? LIMITED : NO_BRAKES,
    disks: seed % 3 === 0,
    workers: random.chance(0.15) ? 1 : random.chance(0.6) ? 2 : 3,
    prefetch: random.pick([1, 2, 4]),
    rules: {
      ...RULES,
      settleMs: random.chance(0.2) ? 20_000 : 0,
      stopBy: random.chance(0.15) ? "cloud" : "worker",
    },
    servers,
    cloud: {
      lax: random.chance(0.5),
      keepsDisk,
      failShare: random.pick([0, 0.1, 0.4]),
      stuckShare: random.pick([0, 0, 0.1]),
      strangeJobs: random.chance(0.3),
      jobsUpToMs: 90_000,
    },
    samples: samplesOf(random, keepsDisk),
    emissions: emissionsOf(random, servers),
    rates,
    focus: random.chance(0.7) ? [random.pick(FOCUS_LABELS), random.pick(FOCUS_LABELS)] : [],
    focusFactor: random.pick([5, 15, 40]),
    faultsForMs: random.wild(60_000, 1_200_000),
    rudeOutsiders: false,
    retryAfterUpToMs: 0,
    skewMs: random.pick([0, 3_000, 15_000, 15_000, 120_000]),
    slowNetwork: random.chance(0.25),
    deliveryLimit: random.chance(0.15) ? { commands: 2, work: 2 } : { commands: 100, work: 1_000 },
  };
  const drawn = {
    ...scenario,
    servers: servers.map((one) => ({ ...one, endsAs: powerAfter(random) })),
    emissions: mended(conditioned(scenario.emissions, random), random),
    // A listener's queue that is full.
    rates: random.chance(0.2)
      ? { ...rates, "publish-refused": random.pick([0.05, 0.2, 0.5]) }
      : rates,
    // A cloud that asks for long waits, and a settling time that is longer than any delay queue.
    retryAfterUpToMs: random.chance(0.25) ? 400_000 : 0,
    rules: random.chance(0.05) ? { ...scenario.rules, settleMs: 150_000 } : scenario.rules,
  };
  const emissions = grouped(postponed(drawn.emissions, random), random);
  const perGroup = random.pick([0, 0, 1]);
  const maxRunning = random.pick([1, 1, 2, NO_BRAKES.maxRunning]);
  const stormAsks = random.pick([0, 0, 2]);
  const brakes = { ...drawn.brakes, maxRunning, maxRunningPerGroup: perGroup, stormAsks };
  // A stop that is held up on its way, and may come true after everything else.
  const held = random.chance(0.25) ? { ...drawn.rates, "stop-late": 0.3 } : drawn.rates;
  const opensAtMs = random.chance(0.15) ? BEGINNING_MS + random.wild(1_000, 900_000) : 0;
  const approval = random.chance(0.1) ? [random.pick(["all", "web"])] : [];
  const perSourcePerHour = random.chance(0.05) ? random.pick([1, 2]) : 0;
  const limited = { ...brakes, approval, perSourcePerHour };
  const senders = random.chance(0.05) ? [{ user: "healer-2", perHour: 1 }] : [];
  const complete = { ...drawn, emissions, brakes: limited, senders, rates: held, opensAtMs };
  const last = seed % 7 === 3 ? asked(complete, random) : complete;
  const learned = seed % 5 === 3 ? { ...last, durations: durationsOf(random) } : last;
  return seed % 9 < 2 ? listed(learned, random) : learned;
}

/** Drawn after all that: every poll may share a list, which is lost or late now and then. */
function listed(scenario: Scenario, random: Random): Scenario {
  const lists = { ...LIST_RULES, worth: 0, holdMs: random.pick([1_000, 30_000]) };
  const isLost = random.chance(0.5) ? { "list-unreadable": 0.2 } : {};
  return { ...scenario, lists, rates: { ...scenario.rates, ...isLost } };
}

/** Drawn after everything else: reinstalled servers are asked, and answer at once, after a while, too late, or never. */
function asked(scenario: Scenario, random: Random): Scenario {
  const readyTimeoutMs = random.pick([20_000, 60_000, 150_000]);
  const servers = scenario.servers.map((one, index) => {
    const answersAfterMs = random.pick([0, 10_000, 40_000, 200_000, null]);
    const address = `10.0.0.${index + 1}`;
    return { ...one, address, ...(answersAfterMs === null ? {} : { answersAfterMs }) };
  });
  return { ...scenario, servers, rules: { ...scenario.rules, readyTimeoutMs } };
}

/** Drawn last of all. Jobs take up to `jobsUpToMs`. */
function durationsOf(random: Random): number[] {
  const likely = random.pick([10_000, 40_000, 80_000, 400_000, 1_200_000]);
  return Array.from({ length: 5 }, () => Math.floor(likely * random.between(0.9, 1.3) + 1_000));
}

/** Drawn last: some commands are of a group. Copies stay copies. */
function grouped(emissions: readonly Emission[], random: Random): Emission[] {
  const known = new Map<string, object>();
  return emissions.map((emission) => {
    const plain = emission.body.toString("utf8");
    const group = known.get(plain) ?? (random.chance(0.4) ? { group: "web" } : {});
    known.set(plain, group);
    return { ...emission, body: Buffer.from(JSON.stringify({ ...JSON.parse(plain), ...group })) };
  });
}

/** Drawn after all that: some commands may not begin before a while has gone by. Copies stay copies. */
function postponed(emissions: readonly Emission[], random: Random): Emission[] {
  const until = new Map<string, object>();
  return emissions.map((emission) => {
    const plain = emission.body.toString("utf8");
    const body = JSON.parse(plain) as { expires_at?: string };
    const instant = BEGINNING_MS + emission.atMs + random.wild(1_000, 900_000);
    const wanted = random.chance(0.1) && body.expires_at === undefined;
    const postponement = wanted ? { not_before: new Date(Math.floor(instant)).toISOString() } : {};
    const known = until.get(plain) ?? postponement;
    until.set(plain, known);
    return { ...emission, body: Buffer.from(JSON.stringify({ ...body, ...known })) };
  });
}

/** Drawn last, too: what an emitter may ask for so that nothing is done any more. Copies of a command stay copies. */
function conditioned(emissions: readonly Emission[], random: Random): Emission[] {
  const conditions = new Map<string, object>();
  return emissions.map((emission) => {
    const plain = emission.body.toString("utf8");
    const known = conditions.get(plain);
    const condition = known ?? conditionOf(emission, random);
    conditions.set(plain, condition);
    const body = { ...(JSON.parse(plain) as object), ...condition };
    return { ...emission, body: Buffer.from(JSON.stringify(body)) };
  });
}

/** Drawn after that: some commands are sent malformed first (or again, later), and then as they were meant. */
function mended(emissions: readonly Emission[], random: Random): Emission[] {
  return emissions.flatMap((emission) => {
    if (!random.chance(0.08)) return [emission];
    const body = JSON.parse(emission.body.toString("utf8")) as object;
    const malformed = Array.from({ length: random.pick([1, 1, 2]) }, (_, index): Emission => {
      const wrong = { ...body, on_busy: `steal ${index}` };
      const atMs = Math.max(0, emission.atMs - 3_000 + random.wild(1, 60_000));
      return { ...emission, atMs, body: Buffer.from(JSON.stringify(wrong)) };
    });
    return [emission, ...malformed, ...(random.chance(0.5) ? malformed.slice(0, 1) : [])];
  });
}

function conditionOf({ atMs, serverId }: Emission, random: Random): object {
  const instant = (ms: number) => new Date(Math.floor(BEGINNING_MS + ms)).toISOString();
  const first = `disk-${Number(serverId.at(-1)) + 1}`;
  return {
    ...(random.chance(0.2) ? { observed_at: instant(atMs - random.wild(1, 300_000)) } : {}),
    ...(random.chance(0.1) ? { expires_at: instant(atMs + random.wild(1_000, 900_000)) } : {}),
    ...(random.chance(0.15) ? { expected_system_disk: first } : {}),
  };
}

/** Drawn after everything else: seeds in which servers end running are the histories that they were before. */
function powerAfter(random: Random): ServerPlan["endsAs"] {
  return random.chance(0.3) ? "SHUTOFF" : "ACTIVE";
}

function serversOf(random: Random): ServerPlan[] {
  const count = random.chance(0.7) ? 1 : 2;
  return Array.from({ length: count }, (_, index) => ({
    id: ServerId.parse(`4f4b3dfa-eb70-47cf-a60a-00000000000${index}`),
    status: random.pick(["ACTIVE", "SHUTOFF", "SHUTOFF", "ERROR"] as const),
    view: random.chance(0.4) ? ("hidden" as const) : ("shown" as const),
    softStopWorks: random.chance(0.8),
    endsAs: "ACTIVE" as const,
  }));
}

/** What the evidence says agrees with how the cloud really is: it was earned by watching it. */
function samplesOf(random: Random, keepsDisk: boolean): Scenario["samples"] {
  if (keepsDisk) return random.chance(0.5) ? { replaced: 0, kept: 0 } : { replaced: 0, kept: 2 };
  return random.chance(0.7) ? { replaced: 5, kept: 0 } : { replaced: random.below(3), kept: 0 };
}

/** Some kinds of faults, not all: a storm of everything hides what one of them does. */
function ratesOf(random: Random): FaultRates {
  const rates: Partial<Record<Fault, number>> = {};
  if (random.chance(0.04)) return rates;
  const share = random.pick([0.1, 0.25, 0.5]);
  for (const fault of FAULTS) {
    if (fault === "publish-refused" || !random.chance(share)) continue;
    const perCall = fault.startsWith("send-") || fault.startsWith("hand-over");
    rates[fault] = random.pick(perCall ? [0.1, 0.3, 0.6] : [0.001, 0.005, 0.02]);
  }
  return rates;
}

function emissionsOf(random: Random, servers: readonly ServerPlan[]): Emission[] {
  const count = random.pick([1, 1, 2, 2, 3, 4]);
  const emissions: Emission[] = [];
  for (let index = 0; index < count; index++) {
    const atMs = random.chance(0.6) ? random.between(0, 5_000) : random.wild(1_000, 600_000);
    const one = emissionOf(random, servers, `cmd-${index + 1}`, atMs);
    emissions.push(one);
    while (random.chance(0.2)) {
      emissions.push({ ...one, atMs: atMs + random.wild(100, 300_000) });
    }
    if (random.chance(0.06)) {
      emissions.push(emissionOf(random, servers, one.id, atMs + random.wild(100, 100_000)));
    }
  }
  return emissions;
}

function emissionOf(
  random: Random,
  servers: readonly ServerPlan[],
  id: string,
  atMs: number,
): Emission {
  const { id: serverId } = random.pick(servers);
  const invalid = random.chance(0.04);
  const userid = random.pick(["user-a", "user-a", "user-b"]);
  const mode = random.chance(0.3) ? { mode: "withStopServer" } : {};
  const on_busy = random.pick(["join", "join", "wait", "wait", "reject"]);
  const dryRun = random.chance(0.05) ? { dry_run: true } : {};
  const password = invalid ? { adminpass: SECRET } : {};
  const replyTo = random.chance(0.2) ? "replies" : undefined;
  return commandOf(
    id,
    serverId,
    atMs,
    { userid, ...mode, ...password },
    { on_busy, ...dryRun },
    replyTo,
  );
}

/** One publish of one command. */
export function commandOf(
  id: string,
  serverId: ServerId,
  atMs: number,
  osReinstall: object,
  more: object,
  replyTo?: string,
): Emission {
  const body = {
    command_id: id,
    project_id: PROJECT,
    server_id: serverId,
    "os-reinstall": { ...osReinstall, metadata: { user_data: SECRET } },
    reason: "simulated",
    ...more,
  };
  return {
    atMs,
    id,
    serverId,
    body: Buffer.from(JSON.stringify(body)),
    replyTo,
  };
}
