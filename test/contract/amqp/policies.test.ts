import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AmqpSettings } from "../../../src/adapters/amqp/settings.ts";
import { brokerProbe } from "../../../src/observe/http/probes.ts";
import { eventually } from "../../support/eventually.ts";
import { openObserver, ownVhosts, type RunningBroker, startBroker, untilReady } from "./rig.ts";

// What operators lay over our queues, as the broker makes it effective. Its management tells every five seconds.

const own = ownVhosts({ policyCheckMs: 200 });
let running: RunningBroker | undefined;

afterAll(() => own.rabbit.api("DELETE", "/users/looker"));
beforeEach(async () => {
  await own.rabbit.createUser("looker", "looks", "management");
  await own.rabbit.setPermissions({
    user: "looker",
    vhost: own.vhost.name,
    configure: "^$",
    write: "^$",
    read: "^$",
  });
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const looking = (password = "looks"): AmqpSettings => ({
  ...own.settings,
  management: {
    url: own.rabbit.managementUrl,
    logIn: () => ({ username: "looker", password }),
  },
});
const lay = (
  definition: Readonly<Record<string, unknown>>,
  pattern = ".*",
  kind: "policies" | "operator-policies" = "policies",
) =>
  own.rabbit.api("PUT", `/${kind}/${own.vhost.name}/laid`, {
    pattern,
    definition,
    "apply-to": "queues",
  });
const lift = (kind: "policies" | "operator-policies" = "policies") =>
  own.rabbit.api("DELETE", `/${kind}/${own.vhost.name}/laid`);
const policies = () => running?.broker.status().policies;
const keysOf = (purpose: string) =>
  policies()
    ?.objections.filter((one) => one.purpose === purpose)
    .map(({ key, refused }) => `${key}${refused ? " refused" : ""}`);
const probe = () => brokerProbe((running as RunningBroker).broker).check();

test("a time to live over everything: not ready, named, and ready when it is gone", async () => {
  await lay({ "message-ttl": 60_000 });
  running = startBroker(looking());
  await eventually(() => (keysOf("commands")?.length ?? 0) > 0, { timeoutMs: 30_000 });
  await eventually(() => (keysOf("work-dead")?.length ?? 0) > 0, { timeoutMs: 30_000 });
  expect(keysOf("commands")).toEqual(["message-ttl refused"]);
  expect(keysOf("work")).toEqual(["message-ttl refused"]);
  expect(keysOf("work-dead")).toEqual(["message-ttl refused"]);
  expect(keysOf("work-waiting")).toEqual(["message-ttl"]);
  expect(keysOf("dead")).toEqual(["message-ttl"]);
  // Shorter than it, whatever the policy says.
  expect(keysOf("delay")).toEqual([]);
  expect(probe()).toEqual({
    state: "down",
    detail: expect.stringMatching(/policy 'laid' sets message-ttl=60000/),
  });
  expect(running.log.lines.filter(({ level }) => level === "error").length).toBe(5);
  await lift();
  await eventually(() => running?.broker.status().ready, { timeoutMs: 30_000 });
  expect(running.log.has("a harmful policy is gone")).toBe(true);
});

test("operator policies, lengths, deletion and delivery limits are seen for what they do", async () => {
  await lay({ expires: 3_600_000, "delivery-limit": 5 }, "^ecs\\.reinstall\\.(work|dead|delay)");
  await lay(
    { "max-length": 10_000 },
    "^ecs\\.reinstall\\.(dead|work|commands)",
    "operator-policies",
  );
  running = startBroker(looking());
  await eventually(() => policies()?.unchecked === null, { timeoutMs: 20_000 });
  await eventually(() => (keysOf("work")?.length ?? 0) === 3, { timeoutMs: 30_000 });
  expect(keysOf("work")).toEqual(["expires refused", "max-length refused", "delivery-limit"]);
  expect(keysOf("work-dead")).toEqual([
    "expires refused",
    "max-length refused",
    "delivery-limit refused",
  ]);
  expect(keysOf("work-waiting")).toEqual(keysOf("work"));
  expect(keysOf("commands")).toEqual(["max-length"]);
  expect(keysOf("dead")).toEqual(["expires", "max-length", "delivery-limit"]);
  expect(keysOf("delay")).toContain("expires refused");
  expect(policies()?.objections.find(({ purpose }) => purpose === "commands")?.message).toMatch(
    /operator policy 'laid' sets max-length=10000: a full queue takes no more messages/,
  );
  await lift("operator-policies");
});

test("a broker that takes messages of any length is told so", async () => {
  running = startBroker(own.settings);
  const { log } = running;
  await eventually(() => log.lines.some(({ message }) => message.includes("max_message_size")));
});

test("policies that do no harm are no objection", async () => {
  await lay({ "queue-master-locator": "min-masters", "dead-letter-exchange": "elsewhere" });
  running = startBroker(looking());
  await eventually(() => policies()?.unchecked === null, { timeoutMs: 20_000 });
  expect(policies()?.objections).toEqual([]);
  expect(probe()).toEqual({ state: "up", detail: null });
});

describe("without an answer", () => {
  test("nothing is refused, and it is said that nobody looks", async () => {
    running = startBroker(own.settings);
    await untilReady(running);
    expect(probe()).toEqual({
      state: "up",
      detail: "policies over the queues are not checked: AMQP_MANAGEMENT_URL is not set",
    });
    expect(running.log.has("policies over the queues are not checked")).toBe(true);
  });

  test.each([
    ["a wrong password", () => looking("wrong"), /refuses the user or its tags \(401\)/],
    [
      "nobody there",
      () => ({
        ...looking(),
        management: { url: "http://127.0.0.1:1", logIn: () => ({ username: "a", password: "b" }) },
      }),
      /cannot be reached \(ECONNREFUSED\)/,
    ],
  ])("%s is said", async (_what, settings, said) => {
    running = startBroker(settings());
    await untilReady(running);
    await eventually(() => said.test(policies()?.unchecked ?? ""));
    expect(probe().state).toBe("up");
  });
});

test("queues that a policy deletes while they are idle are declared again", async () => {
  running = startBroker(own.settings);
  await untilReady(running);
  const { log } = running;
  const observer = await openObserver(own.vhost.url);
  await observer.channel.deleteQueue("ecs.reinstall.delay.400");
  await observer.channel.deleteQueue("ecs.reinstall.dead");
  await eventually(() => log.has("queues are gone; they are declared again"));
  await eventually(async () => {
    const depths = await own.rabbit.queueDepths(own.vhost.name);
    return "ecs.reinstall.delay.400" in depths && "ecs.reinstall.dead" in depths;
  });
  await untilReady(running);
  await observer.close();
});

test("queues that nobody may declare and that are gone: not ready, until they are back", async () => {
  running = startBroker(own.settings);
  await untilReady(running);
  await running.stop();
  running = startBroker({ ...own.settings, declare: false });
  await untilReady(running);
  const observer = await openObserver(own.vhost.url);
  await observer.channel.deleteQueue("ecs.reinstall.delay.400");
  await eventually(() => /delay\.400' does not exist/.test(probe().detail ?? ""));
  expect(running.broker.status().ready).toBe(false);
  await observer.channel.assertQueue("ecs.reinstall.delay.400", { durable: true });
  await untilReady(running);
  await observer.close();
});
