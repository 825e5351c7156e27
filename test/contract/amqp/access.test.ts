import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { AmqpAccess } from "../../../src/adapters/amqp/settings.ts";
import { watchForChange } from "../../../src/config/rotation.ts";
import { brokerProbe } from "../../../src/observe/http/probes.ts";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { expectNoLeftovers } from "../../support/processes/leftovers.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import type { Vhost } from "../../support/rabbitmq/rabbitmq-management.ts";
import {
  anEnvelope,
  NEVER,
  RABBITMQ,
  type RunningBroker,
  startBroker,
  testSettings,
  untilReady,
} from "./rig.ts";

// Who may come in, and what is said to whom may not. One broker that wants client certificates on its TLS port.

let rabbit: PrivateRabbitMq;
let certificates: Certificates;
let strangers: Certificates;
let vhost: Vhost;
let running: RunningBroker | undefined;

const pem = (file: string) => readFileSync(file, "utf8");
const tlsOf = (from: Certificates) => ({
  caPem: pem(certificates.server.caFile),
  certPem: pem(from.client.certFile),
  keyPem: pem(from.client.keyFile),
});

beforeAll(async () => {
  [certificates, strangers] = await Promise.all([makeCertificates(), makeCertificates()]);
  rabbit = await startRabbitMq({
    ...RABBITMQ,
    tls: certificates.server,
    extraConf: [
      "ssl_options.verify = verify_peer",
      "ssl_options.fail_if_no_peer_cert = true",
      "max_message_size = 1048576",
    ],
  });
  await rabbit.createUser("worker", "first");
});
afterAll(async () => {
  await rabbit.stop();
  await Promise.all([certificates.remove(), strangers.remove()]);
  await expectNoLeftovers();
});
beforeEach(async () => {
  vhost = await rabbit.newVhost();
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
  await vhost.remove();
});

const asWorker = (password: string) =>
  rabbit.urlFor({ user: "worker", password, vhost: vhost.name });
const tlsPort = () => new URL(rabbit.tlsUrl ?? "").port;
const overTls = () => `${rabbit.tlsUrl}/${vhost.name}`;

/** What /readyz says of the broker. */
async function saidOf(access: AmqpAccess): Promise<string> {
  running = startBroker(testSettings("", access));
  const { broker } = running;
  await eventually(() => broker.status().lastError !== null);
  const { state, detail } = brokerProbe(broker).check();
  expect(state).toBe("down");
  return detail ?? "";
}

describe("a connection that does not come about", () => {
  test.each<[string, () => AmqpAccess, RegExp]>([
    [
      "a vhost that does not exist",
      () => ({ urls: [`${rabbit.url}/no%2Fwhere`] }),
      /^vhost 'no\/where' does not exist \(NOT_ALLOWED - vhost/,
    ],
    [
      "the same over TLS",
      () => ({ urls: [`${rabbit.tlsUrl}/nowhere`], tls: tlsOf(certificates) }),
      /^vhost 'nowhere' does not exist/,
    ],
    [
      "a vhost without a right on it",
      () => ({ urls: [asWorker("first")] }),
      /^user 'worker' has no right on vhost 'test-\w+' \(NOT_ALLOWED - access/,
    ],
    [
      "a wrong password",
      () => ({ urls: [asWorker("wrong")] }),
      /^127\.0\.0\.1:\d+: the broker refuses the log-in: wrong user or password \(.*ACCESS_REFUSED/,
    ],
    [
      "plain AMQP to a TLS port",
      () => ({ urls: [`amqp://localhost:${tlsPort()}`] }),
      /perhaps this port speaks TLS \(amqps:\/\/\)/,
    ],
    [
      "TLS to the plain port",
      () => ({ urls: [`amqps://localhost:${rabbit.port}`] }),
      /this port does not speak TLS.*amqp:\/\//,
    ],
    [
      "an unknown authority",
      () => ({ urls: [overTls()] }),
      /signed by an authority that is not in AMQP_TLS_CA_FILE/,
    ],
    [
      "a certificate for another name",
      () => ({ urls: [overTls()], tls: { ...tlsOf(certificates), servername: "elsewhere" } }),
      /for other names: see AMQP_TLS_SERVERNAME/,
    ],
    [
      "no client certificate",
      () => ({ urls: [overTls()], tls: { caPem: pem(certificates.server.caFile) } }),
      /refuses our client certificate, or misses one/,
    ],
    [
      "a client certificate that nobody here signed",
      () => ({ urls: [overTls()], tls: tlsOf(strangers) }),
      /refuses our client certificate, or misses one/,
    ],
    ["nobody there", () => ({ urls: ["amqp://localhost:1"] }), /ECONNREFUSED/],
  ])("%s is named", async (_what, access, said) => {
    const detail = await saidOf(access());
    expect(detail).toMatch(said);
    expect(detail).not.toMatch(/blocked|first|wrong@/);
  });

  test("a vhost or user with as many connections as it may have", async () => {
    await rabbit.api("PUT", `/vhost-limits/${vhost.name}/max-connections`, { value: 0 });
    expect(await saidOf({ urls: [vhost.url] })).toMatch(
      /^a connection limit of vhost 'test-\w+' or of user 'guest' is reached \(NOT_ALLOWED/,
    );
    await rabbit.api("DELETE", `/vhost-limits/${vhost.name}/max-connections`);
    await untilReady(running as RunningBroker);
  });

  test("a user with as many channels as it may have, on a connection that is opened again and again", async () => {
    await rabbit.setPermissions({ user: "worker", vhost: vhost.name });
    await rabbit.api("PUT", "/user-limits/worker/max-channels", { value: 1 });
    const limit = /number of channels opened for user 'worker' has reached the maximum allowed/;
    await saidOf({ urls: [asWorker("first")] });
    const { broker, log } = running as RunningBroker;
    await eventually(() => broker.status().lastError?.match(limit));
    // Also while a connection is open, and only its channels are away.
    const opened = () => log.lines.filter((one) => one.message === "broker connection is open");
    const said = new Set<string>();
    const before = opened().length;
    await eventually(
      () => {
        said.add(broker.status().lastError ?? "nothing");
        return opened().length > before + 4;
      },
      { intervalMs: 5, timeoutMs: 20_000 },
    );
    expect([...said].filter((one) => !limit.test(one))).toEqual([]);
    await rabbit.api("DELETE", "/user-limits/worker/max-channels");
    await untilReady(running as RunningBroker);
  });

  test("a server that speaks no AMQP at all", async () => {
    const server: Server = createServer((socket) => {
      socket
        .resume()
        .on("error", () => undefined)
        .end("220 mail.example ESMTP\r\n");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    expect(await saidOf({ urls: [`amqp://127.0.0.1:${port}`] })).not.toMatch(/blocked/);
    await running?.stop();
    await new Promise((resolve) => server.close(resolve));
  });
});

test("a broker with a limit for messages is told from one without", async () => {
  running = startBroker(testSettings(vhost.url));
  const { log } = running;
  await eventually(() => log.has("broker limits messages"));
  const [line] = log.lines.filter(({ message }) => message === "broker limits messages");
  expect(line?.fields).toEqual({ maxMessageSize: 1_048_576 });
  await untilReady(running);
  expect(log.lines.filter(({ level }) => level === "error")).toEqual([]);
});

test("blocked is said when the broker says it, with its reason", async () => {
  running = startBroker(testSettings(vhost.url));
  await untilReady(running);
  const { broker } = running;
  await rabbit.setMemoryAlarm(true);
  try {
    await eventually(() => broker.status().blockedBy !== null);
    expect(brokerProbe(broker).check()).toEqual({
      state: "down",
      detail: expect.stringMatching(/^blocked: .*memory/),
    });
  } finally {
    await rabbit.setMemoryAlarm(false);
  }
  await untilReady(running);
  expect(brokerProbe(broker).check().state).toBe("up");
});

describe("credentials that are replaced while the worker runs", () => {
  /** Steps whose handlers are under way when the connection is renewed; each is to be done once, and not redelivered. */
  async function renewsUnder(first: AmqpAccess, then: AmqpAccess, meanwhile: () => Promise<void>) {
    let access = first;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    running = startBroker(
      { ...testSettings("", first), access: () => access },
      { work: () => held.then(() => "ack" as const) },
    );
    const { broker, seen, log } = running;
    const endWatch = watchForChange(
      () => [...access.urls, ...Object.values(access.tls ?? {})],
      () => broker.renew(),
      20,
    );
    await untilReady(running);
    const publish = (id: string) =>
      broker.outlet.publish([{ kind: "step", envelope: anEnvelope(id), delayMs: 0 }], NEVER);
    for (const id of ["a", "b", "c"]) expect(await publish(id)).toBe("confirmed");
    await eventually(() => seen.work.length === 3);
    const opened = () =>
      log.lines.filter(({ message }) => message === "broker connection is open").length;
    // More than two where the machine was too slow for a handshake.
    const openedBefore = opened();
    access = then;
    await meanwhile();
    await eventually(() => opened() === openedBefore + 2);
    await untilReady(running);
    expect(await publish("d")).toBe("confirmed");
    await eventually(() => seen.work.length === 4);
    release();
    await eventually(() => broker.status().consumers.every(({ inFlight }) => inFlight === 0));
    await eventually(
      async () => (await rabbit.queueDepths(vhost.name))["ecs.reinstall.work"] === 0,
    );
    expect(seen.work.map(({ redelivered }) => redelivered)).toEqual(Array(4).fill(false));
    expect(log.has("delivery outlived its channel, it will come again")).toBe(false);
    expect(log.has("broker connection is away")).toBe(false);
    // The old connections go when nothing uses them any more.
    await eventually(async () => {
      const all = (await rabbit.api("GET", `/vhosts/${vhost.name}/connections`)) as unknown[];
      return all.length === 2;
    });
    endWatch();
  }

  test("a password: nothing in hand is lost, also while the broker does not know it yet", async () => {
    await rabbit.createUser("worker", "first");
    await rabbit.setPermissions({ user: "worker", vhost: vhost.name });
    await renewsUnder({ urls: [asWorker("first")] }, { urls: [asWorker("second")] }, async () => {
      const said = "changed credentials are not taken yet; the connection stays";
      await eventually(() => running?.log.has(said) === true);
      expect(running?.broker.status().ready).toBe(true);
      await rabbit.createUser("worker", "second");
    });
    await rabbit.createUser("worker", "first");
  });

  test("a client certificate", async () => {
    const access = { urls: [overTls()], tls: tlsOf(certificates) };
    const renewed = { ...access, tls: { ...access.tls, ...serverPair() } };
    await renewsUnder(access, renewed, async () => undefined);
  });

  /** Another pair of the same authority. */
  const serverPair = () => ({
    certPem: pem(certificates.server.certFile),
    keyPem: pem(certificates.server.keyFile),
  });

  test("each attempt to connect takes the newest", async () => {
    await rabbit.createUser("worker", "second");
    await rabbit.setPermissions({ user: "worker", vhost: vhost.name });
    let access = { urls: [asWorker("first")] };
    running = startBroker({ ...testSettings("", access), access: () => access });
    await eventually(() => /log-in/.test(running?.broker.status().lastError ?? ""));
    access = { urls: [asWorker("second")] };
    await untilReady(running);
    await rabbit.createUser("worker", "first");
  });
});
