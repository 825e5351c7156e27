import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { startFlakyProxy } from "../../support/network/flaky-proxy.ts";
import { expectNoLeftovers } from "../../support/processes/leftovers.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import { RABBITMQ, type RunningBroker, startBroker, testSettings, untilReady } from "./rig.ts";

let certificates: Certificates;
let rabbit: PrivateRabbitMq;
let url: string;
let running: RunningBroker | undefined;

// This broker also asks who we are.
beforeAll(async () => {
  certificates = await makeCertificates();
  const extraConf = ["ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true"];
  rabbit = await startRabbitMq({ ...RABBITMQ, tls: certificates.server, extraConf });
  url = String(rabbit.tlsUrl);
});
afterAll(async () => {
  await rabbit.stop();
  await certificates.remove();
  await expectNoLeftovers();
});
afterEach(async () => {
  await running?.stop();
  running = undefined;
});

const pem = (file: string) => readFileSync(file, "utf8");
const tls = () => ({
  caPem: pem(certificates.server.caFile),
  certPem: pem(certificates.client.certFile),
  keyPem: pem(certificates.client.keyFile),
});

test("connects with our authority and our certificate", async () => {
  running = startBroker(testSettings(url, { tls: tls() }));
  await untilReady(running);
});

test("checks the broker under the name that it is told", async () => {
  const byAddress = url.replace("localhost", "127.0.0.1");
  running = startBroker(testSettings(byAddress, { tls: { ...tls(), servername: "localhost" } }));
  await untilReady(running);
  await running.stop();
  running = startBroker(testSettings(url, { tls: { ...tls(), servername: "elsewhere" } }));
  const { broker } = running;
  await eventually(() => /altnames/.test(broker.status().lastError ?? ""));
});

test("says why it trusts nobody, and goes on trying", async () => {
  running = startBroker(testSettings(url));
  const { broker } = running;
  await eventually(() => /certificate/.test(broker.status().lastError ?? ""));
  expect(broker.status().ready).toBe(false);
});

test("says that the broker does not trust us", async () => {
  running = startBroker(testSettings(url, { tls: { caPem: tls().caPem } }));
  const { broker } = running;
  await eventually(() => broker.status().lastError !== null);
  expect(broker.status().ready).toBe(false);
});

test("gives up a handshake that never ends", async () => {
  const proxy = await startFlakyProxy(Number(new URL(url).port));
  await proxy.set({ kind: "black-hole" });
  running = startBroker(testSettings(proxy.via(url), { tls: tls() }));
  const { broker } = running;
  await eventually(() => /no answer within/.test(broker.status().lastError ?? ""));
  await proxy.set({ kind: "pass" });
  await untilReady(running);
  await running.stop();
  await eventually(() => proxy.held === 0, { what: "the end of our connections" });
  await proxy.close();
});
