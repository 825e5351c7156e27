import { describe, expect, it } from "vitest";
import { createDeliveries } from "../../../src/composition/deliveries.ts";
import { longestStepMs } from "../../../src/composition/longest-step.ts";
import { loadConfig } from "../../../src/config/load.ts";
import type { Phase } from "../../../src/core/state/state.ts";
import { createInHand } from "../../../src/observe/in-hand.ts";
import { createLogger } from "../../../src/observe/logging/logger.ts";
import { createMetrics } from "../../../src/observe/metrics/metrics.ts";
import { createWorker } from "../../../src/worker.ts";
import {
  ABSENT,
  BODY,
  COMMAND,
  envelope,
  PROJECT,
  SECOND,
  seen,
  SERVER,
  STATES,
} from "../core/builders.ts";
import { AWAY, createWorld, delivery, type World } from "../steps/fakes.ts";

const loaded = loadConfig(
  { NODE_ENV: "test", ECS_PROJECTS: PROJECT, ECS_ACCESS_KEY: "a", ECS_SECRET_KEY: "s" },
  512 * 1024 * 1024,
);
if (loaded.kind !== "ok") throw new Error("the defaults must be a configuration");
const CONFIG = loaded.config;
const LIMIT_MS = longestStepMs(CONFIG);

const PHASES = Object.keys(STATES) as readonly Phase[];
const RAW = { command_id: COMMAND, server_id: SERVER, "os-reinstall": BODY };

/** The handlers as the process has them, over fakes. */
function build(world: World, wrap: (deps: World["deps"]) => World["deps"] = (deps) => deps) {
  const inHand = createInHand({ clock: world.clock, limitMs: LIMIT_MS, onOverdue: () => {} });
  const handlers = createDeliveries({
    worker: createWorker(wrap(world.deps)),
    commandsQueue: "commands",
    metrics: createMetrics({ version: "1", processMetrics: false }),
    logger: createLogger({ level: "silent", destination: { write: () => {} } }),
    inHand,
    clock: world.clock,
    workLag: { took: () => {} },
    waitingLag: { took: () => {} },
    signal: world.signal,
    traced: (handler) => handler,
  });
  const came = (value: unknown, redelivered = false) => ({
    ...delivery(value, { redelivered }),
    queue: "work",
    bytes: 2,
    deliveryCount: 0,
  });
  const take = (what: Phase | "command", redelivered = false) =>
    what === "command"
      ? handlers.commands(came(RAW, redelivered))
      : handlers.work(came(envelope(STATES[what]), redelivered));
  return { take, inHand };
}

/** Every turn of the event loop that a step of fakes needs. */
const turns = () => new Promise((resolve) => setTimeout(resolve, 5));

type Ports = "cloud" | "store" | "outlet" | "evidence" | "durations" | "lists";

/** The deps with `before` called ahead of every call of these ports. */
function ahead(
  deps: World["deps"],
  ports: readonly Ports[],
  before: (port: Ports, method: string) => Promise<void> | void,
): World["deps"] {
  const wrapped = ports.map((port) => [
    port,
    new Proxy<object>(deps[port] ?? {}, {
      get(target, method: string) {
        const real: unknown = Reflect.get(target, method);
        if (typeof real !== "function" || method === "isBlocked") return real;
        return async (...values: unknown[]) => {
          await before(port, method);
          return (await Reflect.apply(real, target, values)) as unknown;
        };
      },
    }),
  ]);
  return { ...deps, ...Object.fromEntries(wrapped) };
}

describe.each<Ports>(["cloud", "store", "outlet"])(
  "an adapter that never answers: %s",
  (hanging) => {
    const uses: readonly (Phase | "command")[] =
      hanging === "cloud"
        ? ["command", "prepare", "submit", "reconcile", "watch"]
        : ["command", ...PHASES];

    it.each(uses)("makes %s a reason for a restart", async (what) => {
      const world = createWorld();
      const never = new Promise<void>(() => {});
      const { take, inHand } = build(world, (deps) => ahead(deps, [hanging], () => never));
      void take(what);
      await turns();
      expect(inHand.overdue()).toBeNull();
      world.clock.pass(LIMIT_MS + SECOND);
      expect(inHand.overdue()).not.toBeNull();
    });
  },
);

describe("an adapter that answers nothing until its time-out", () => {
  const { connectMs, headersMs, bodyMs, postMs } = CONFIG.cloud.timeouts;
  const requestMs = connectMs + headersMs + bodyMs;

  const PORTS: readonly Ports[] = ["cloud", "store", "outlet", "evidence", "durations", "lists"];

  /** Each poll makes a list of five pages. */
  function listing(deps: World["deps"]): World["deps"] {
    const page = { kind: "seen", servers: new Map(), listed: 1_000, total: 5_000 } as const;
    return {
      ...deps,
      cloud: { ...deps.cloud, list: async () => page },
      lists: {
        take: async () => ({ kind: "listing", begunMs: 1 }),
        listed: async () => null,
        made: async () => undefined,
        unmade: async () => undefined,
      },
    };
  }

  /** What each call can take at most; the first to the cloud also pays for all that comes before it. */
  function slowly(world: World) {
    let firstToTheCloud = true;
    return (deps: World["deps"]) =>
      ahead(listing(deps), PORTS, (port, method) => {
        const { clock } = world;
        // Nothing is sent when it signs.
        if (port === "cloud" && method !== "sign") {
          clock.pass(firstToTheCloud ? 6 * requestMs : requestMs);
          firstToTheCloud = false;
        } else if (port === "outlet") clock.pass(2 * CONFIG.amqp.confirmTimeoutMs);
        else clock.pass(2 * CONFIG.redis.commandTimeoutMs);
      });
  }

  const worlds: readonly (readonly [string, (world: World) => void])[] = [
    ["everything goes well", () => {}],
    ["the broker is away", (world) => (world.answers.publish = () => "unconfirmed")],
    ["a queue is full", (world) => (world.answers.publish = () => "refused")],
    [
      "Redis is away at the end",
      ({ answers }) => {
        answers.save = () => AWAY;
        answers.finish = () => AWAY;
      },
    ],
    [
      "Redis is away",
      ({ answers }) => {
        answers.claim = () => AWAY;
        answers.admit = () => AWAY;
      },
    ],
    ["the server is gone", (world) => (world.answers.look = () => ABSENT)],
    ["the server runs", (world) => (world.answers.look = () => seen({ status: "ACTIVE" }))],
  ];

  it.each(
    worlds.flatMap(([name, set]) =>
      (["command", ...PHASES] as const).flatMap((what) =>
        [false, true].map((redelivered) => ({ name, set, what, redelivered })),
      ),
    ),
  )("is an ordinary wait: $what, redelivered: $redelivered, $name", async (given) => {
    const world = createWorld();
    given.set(world);
    const post = world.answers.submission;
    world.answers.submission = () => {
      world.clock.pass(postMs);
      return post();
    };
    const { take, inHand } = build(world, slowly(world));
    const beganMs = world.clock.monotonicMs();
    await take(given.what, given.redelivered);
    expect(world.clock.monotonicMs() - beganMs).toBeLessThanOrEqual(LIMIT_MS / 2);
    expect(inHand.overdue()).toBeNull();
  });
});

describe("the limit", () => {
  it("is twice what the longest step can take with the default time-outs", () => {
    expect(LIMIT_MS).toBe(2 * (9 * 25_000 + 20_000 + 24 * 2_000 + 1_000 + 6 * 10_000 + 30_000));
  });

  it("is shorter than the half hour after which the broker takes a message away", () => {
    expect(LIMIT_MS).toBeLessThan(30 * 60_000);
  });

  it.each([
    "ECS_CONNECT_TIMEOUT_MS",
    "ECS_HEADERS_TIMEOUT_MS",
    "ECS_BODY_TIMEOUT_MS",
    "ECS_POST_TIMEOUT_MS",
    "REDIS_COMMAND_TIMEOUT_MS",
    "AMQP_CONFIRM_TIMEOUT_MS",
  ])("grows with %s", (name) => {
    const more = loadConfig(
      {
        NODE_ENV: "test",
        ECS_PROJECTS: PROJECT,
        ECS_ACCESS_KEY: "a",
        ECS_SECRET_KEY: "s",
        UNSAFE_TEST_WINDOWS: "true",
        [name]: "50000",
      },
      512 * 1024 * 1024,
    );
    expect(more.kind === "ok" && longestStepMs(more.config)).toBeGreaterThan(LIMIT_MS);
  });
});
