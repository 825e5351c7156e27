import { copyFile, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { type Certificates, makeCertificates } from "../../support/network/certificates.ts";
import { ownedDirectory } from "../../support/processes/child-process.ts";
import { commandId } from "../../support/emitter/emitter.ts";
import { eventually } from "../../support/eventually.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../../support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../../support/redis/redis.ts";
import { openStage, type Stage } from "../../support/stage.ts";

// Secrets as Kubernetes mounts them: a symbolic link to a folder, swapped for another one under a running worker.

let certificates: Certificates;
let rabbitMq: PrivateRabbitMq;
let redis: PrivateRedis;
let stage: Stage;
let mounted: Awaited<ReturnType<typeof ownedDirectory>>;

beforeAll(async () => {
  certificates = await makeCertificates();
  mounted = await ownedDirectory("ecs-mounted-");
  [rabbitMq, redis] = await Promise.all([
    startRabbitMq({
      tls: certificates.server,
      extraConf: ["ssl_options.verify = verify_peer", "ssl_options.fail_if_no_peer_cert = true"],
    }),
    startRedis({}),
  ]);
  stage = await openStage({ rabbitMq, redisUrl: redis.url });
});
afterEach(async () => {
  for (const worker of stage.workers) await worker.kill();
});
afterAll(async () => {
  await stage?.close();
  await Promise.all([rabbitMq?.stop(), redis?.stop()]);
  await Promise.all([certificates?.remove(), mounted?.remove()]);
});

async function mount(
  version: string,
  password: string,
  pair: { readonly certFile: string; readonly keyFile: string },
): Promise<void> {
  const folder = join(mounted.path, version);
  await mkdir(folder);
  await writeFile(join(folder, "username"), "rotating\n");
  await writeFile(join(folder, "password"), `${password}\n`);
  await copyFile(certificates.client.caFile, join(folder, "ca.crt"));
  await copyFile(pair.certFile, join(folder, "tls.crt"));
  await copyFile(pair.keyFile, join(folder, "tls.key"));
  await symlink(folder, join(mounted.path, "next"));
  await rename(join(mounted.path, "next"), join(mounted.path, "data"));
}

async function subjects(): Promise<unknown[]> {
  const links = (await rabbitMq.api("GET", "/connections")) as Record<string, unknown>[];
  return links.filter(({ user }) => user === "rotating").map((one) => one["peer_cert_subject"]);
}

it("a password and a certificate that rotate under a running worker: no command in flight is lost or repeated", async () => {
  const { simulator, emitter } = stage;
  await rabbitMq.createUser("rotating", "p#1/,@");
  await rabbitMq.setPermissions({ user: "rotating" });
  await mount("1", "p#1/,@", certificates.client);
  const file = (name: string) => join(mounted.path, "data", name);
  const worker = await stage.addWorker([], {
    AMQP_URL: "",
    AMQP_HOST: "localhost",
    AMQP_PORT: new URL(rabbitMq.tlsUrl ?? "").port,
    AMQP_SCHEME: "amqps",
    AMQP_USERNAME_FILE: file("username"),
    AMQP_PASSWORD_FILE: file("password"),
    AMQP_TLS_CA_FILE: file("ca.crt"),
    AMQP_TLS_CERT_FILE: file("tls.crt"),
    AMQP_TLS_KEY_FILE: file("tls.key"),
  });
  const servers = Array.from({ length: 12 }, () => simulator.addServer({ state: "ACTIVE" }));
  const ids = servers.map((_, n) => commandId(`rotation-${n}`));
  const send = (n: number) =>
    emitter.send(stage.command(ids[n] ?? "", servers[n]?.id ?? "", { reason: "a test" }));
  for (let n = 0; n < 6; n += 1) await send(n);
  await emitter.event(ids[0] ?? "", "submitted");
  await rabbitMq.createUser("rotating", "p?2%#");
  // Another certificate of the same authority.
  await mount("2", "p?2%#", certificates.server);
  for (let n = 6; n < 12; n += 1) await send(n);
  await eventually(() => worker.output().split("broker connection is open").length - 1 === 4);
  for (const id of ids) expect((await emitter.outcome(id)).data.event).toBe("succeeded");
  expect(servers.map(({ id }) => stage.reinstalls(id))).toEqual(servers.map(() => 1));
  await eventually(async () => expect(await subjects()).toEqual(["CN=server", "CN=server"]), {
    timeoutMs: 20_000,
  });
  expect(worker.output()).not.toContain("broker connection is away");
  expect(worker.output()).not.toContain("it will come again");
  expect(worker.output()).not.toMatch(/p#1|p\?2|p%231|p%3F2/);
  await stage.audit(ids);
  expect(await worker.stop()).toContain("0");
});
