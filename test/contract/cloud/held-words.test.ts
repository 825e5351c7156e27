import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CloudSettings } from "../../../src/adapters/cloud/settings.ts";
import { createSharedRefusals } from "../../../src/adapters/redis/shared-refusals.ts";
import type { FaultSpec } from "../../../src/simulator/faults/fault-schema.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import {
  closedAfterEach,
  cloudAt,
  PROJECT,
  REAL_CLOCK,
  SERVER,
  signal,
  SIMULATED_KEYS,
} from "./setup.ts";

/*
 * Commands that arrive while somebody else's question to the cloud is under way: what they say of their wait is what that question
 * met, whatever it was. A person reads nothing but that.
 */

const SLOW_MS = 150;

let redis: PrivateRedis;
let client: Redis;
let certificates: Certificates;
let plain: Simulator;
let overTls: Simulator;
/** Takes a connection, and closes it after a while: as slow as a handshake with a loaded proxy. */
let hangsUp: Server;
const apis = closedAfterEach(() => plain.reset());

beforeAll(async () => {
  [redis, certificates] = await Promise.all([startRedis(), makeCertificates()]);
  client = new Redis(redis.url);
  const { keyFile, certFile } = certificates.server;
  const tls = { key: readFileSync(keyFile, "utf8"), cert: readFileSync(certFile, "utf8") };
  [plain, overTls] = await Promise.all([startSimulator({}), startSimulator({ tls })]);
  hangsUp = createServer((socket) => {
    socket.on("error", () => undefined);
    setTimeout(() => socket.destroy(), SLOW_MS);
  });
  await new Promise<void>((resolve) => hangsUp.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  hangsUp.close();
  client.disconnect();
  await Promise.all([redis.stop(), certificates.remove(), plain.close(), overTls.close()]);
});

interface Case {
  readonly name: string;
  readonly url: () => string;
  readonly fault?: FaultSpec;
  readonly settings?: Partial<CloudSettings>;
  readonly says: RegExp;
}

const late = { operation: "any", delayBeforeReplyMs: SLOW_MS } as const;
const WRONG = { ...SIMULATED_KEYS, secretKey: () => "wrongSecretKeywrongSecretKey000000000001" };

const CASES: readonly Case[] = [
  {
    name: "a certificate that nobody trusts",
    url: () => overTls.url,
    says: /tls: .*(certificate|self.signed)/i,
  },
  { name: "a refused connection", url: () => "http://127.0.0.1:9", says: /ECONNREFUSED/ },
  {
    name: "a name that nobody knows",
    url: () => "http://nowhere.invalid",
    says: /name: .*nowhere/,
  },
  {
    name: "a handshake that is cut off",
    url: () => `https://127.0.0.1:${(hangsUp.address() as AddressInfo).port}`,
    says: /tls: /,
  },
  {
    name: "silence",
    url: () => plain.url,
    fault: { operation: "any", blackHole: true },
    settings: { timeouts: { connectMs: 200, headersMs: 200, bodyMs: 200, postMs: 200 } },
    says: /no answer within \d+ ms/,
  },
  {
    name: "a page of HTML",
    url: () => plain.url,
    fault: { ...late, status: 502, html: true },
    says: /HTTP 502/,
  },
  {
    name: "a quota",
    url: () => plain.url,
    fault: { ...late, error: "APIGW.0308" },
    says: /HTTP 429 APIGW\.0308/,
  },
  {
    name: "a refused key",
    url: () => plain.url,
    fault: late,
    settings: { credentials: WRONG },
    says: /HTTP 401 APIGW\.0301/,
  },
];

describe.each(CASES)("a question that meets $name", ({ url, fault, settings, says }) => {
  it.each(["alone", "among replicas"] as const)(
    "is why all wait who waited for it, %s",
    async (how) => {
      await redis.flushAll();
      if (fault !== undefined) plain.faults.set(fault);
      const clock = { ...REAL_CLOCK, sleep: pause, nonce: () => crypto.randomUUID() };
      const refusals = createSharedRefusals({ redis: client, clock, onTrouble: () => {} });
      const { api, requests } = cloudAt(url(), {
        credentials: SIMULATED_KEYS,
        breaker: { failures: 100, openMs: 200, authOpenMs: 60_000 },
        ...settings,
        ...(how === "among replicas" && { refusals }),
      });
      apis.push(api);
      const question = api.probe(PROJECT, signal());
      const looks = Array.from({ length: 5 }, () => api.look(PROJECT, SERVER, signal()));
      for (const one of await Promise.all(looks)) {
        expect(one).toMatchObject({ kind: "unreadable", message: expect.stringMatching(says) });
      }
      await question;
      // The question, and the first of them: the others waited.
      expect(requests.length).toBeLessThanOrEqual(3);
    },
  );
});

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
