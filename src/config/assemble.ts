import { type AddressPart, brokerAddress, managementOf, withoutAddress } from "./broker-address.ts";
import { assembleRedis, type RedisConfig } from "./assemble-redis.ts";
import { type Credentials, credentialsOf, secretOf } from "./credentials.ts";
import { assembleHttp, type HttpConfig } from "./http-access.ts";
import { derivedRebuildHoldMs, type Report } from "./inequalities.ts";
import type { Problem } from "./problem.ts";
import { type EndpointName, type Proxies, proxiesOf } from "./proxy.ts";
import type { Settings } from "./schema.ts";
import type { SecretSource } from "./secret.ts";
import type { Environment } from "./sources.ts";
import { pemOf, type TlsPems, tlsOf } from "./tls.ts";
import { assembleTracing, type TracingConfig } from "./tracing.ts";

type Frozen<T> = T extends string | ((...args: never[]) => unknown)
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Frozen<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Frozen<T[Key]> }
      : T;

type AmqpTls = Omit<Settings["amqp"]["tls"], "passphrase" | "passphraseFile">;

/** What the worker runs on: {@link Settings} with files looked up, secrets behind functions and derived values filled in. */
export type Config = Frozen<{
  amqp: Omit<Settings["amqp"], AddressPart | "tls" | "management"> & {
    /** As they were when the configuration was read; without user and password where those are beside them. */
    urls: string[];
    /** What to connect to now, user and password included: read again from their files. */
    urlsNow: () => readonly string[];
    username?: SecretSource;
    password?: SecretSource;
    /** There when it can be asked. Without user and password: those of the connection. */
    management?: { url: string; username?: SecretSource; password?: SecretSource };
    tls: AmqpTls & TlsPems & { passphrase?: SecretSource };
  };
  redis: RedisConfig;
  cloud: Omit<Settings["cloud"], "credentials"> & {
    credentials: Credentials;
    /** Content of `caFile`. */
    caPem?: SecretSource;
    /** Empty unless `proxy` is set and the environment names one. */
    proxies: Proxies;
  };
  protocol: Omit<Settings["protocol"], "rebuildHoldMs"> & { rebuildHoldMs: number };
  brakes: Settings["brakes"];
  metrics: Settings["metrics"];
  http: HttpConfig;
  shutdown: Settings["shutdown"];
  log: Settings["log"];
  /** Null: no tracing. */
  tracing: TracingConfig | null;
  /** Variables that nobody reads, for a warning. */
  misspelt: readonly Problem[];
}>;

/**
 * Turns checked settings into the configuration: looks at files, decides between alternatives. Rules that
 * are broken go to `report`; null when there is no configuration without them.
 */
export function assemble(
  settings: Settings,
  env: Environment,
  report: Report,
): Omit<Config, "misspelt"> | null {
  const { amqp, redis, cloud, protocol, tracing, http, ...rest } = settings;
  const amqpConfig = assembleAmqp(amqp, report);
  const redisConfig = assembleRedis(redis, report);
  const credentials = credentialsOf(cloud.credentials, report);
  const httpConfig = assembleHttp(http, report);
  const tracingConfig = assembleTracing(tracing, report);
  const caPem = pemOf("cloud.caFile", cloud.caFile, report);
  checkEndpoints(settings, report);
  const proxies = cloud.proxy ? proxiesOf(endpointsOf(cloud), env, report) : {};
  if (credentials === null) return null;
  return {
    amqp: amqpConfig,
    redis: redisConfig,
    cloud: { ...cloud, credentials, proxies, ...(caPem && { caPem }) },
    protocol: {
      ...protocol,
      rebuildHoldMs: protocol.rebuildHoldMs ?? derivedRebuildHoldMs(settings),
    },
    http: httpConfig,
    tracing: tracingConfig,
    ...rest,
  };
}

/** The endpoints that requests go to: IAM is asked for tokens only. */
function endpointsOf(cloud: Settings["cloud"]): Partial<Record<EndpointName, string>> {
  const { ecsEndpoint, iamEndpoint, imsEndpoint, evsEndpoint } = cloud;
  const asksIam = cloud.credentials.username ?? cloud.credentials.usernameFile;
  return {
    ecs: ecsEndpoint,
    ...(asksIam === undefined ? {} : { iam: iamEndpoint }),
    ...(imsEndpoint === undefined ? {} : { ims: imsEndpoint }),
    ...(evsEndpoint === undefined ? {} : { evs: evsEndpoint }),
  };
}

/** The broker's room alone: for programs that only send and listen. */
export function assembleAmqp(settings: Settings["amqp"], report: Report): Config["amqp"] {
  const { tls, management, ...rest } = settings;
  const address = brokerAddress(settings, report);
  const amqp = withoutAddress(rest);
  const { passphrase, passphraseFile, ...files } = tls;
  const usesTls = address.urls.some((url) => url.startsWith("amqps:"));
  const path = settings.host === undefined ? "amqp.urls" : "amqp.scheme";
  const url = { path, usesTls, scheme: "amqps" };
  const pems = tlsOf("amqp.tls", files, url, report);
  checkQueueNames(amqp.names, report);
  const secret = secretOf("amqp.tls", "passphrase", { passphrase, passphraseFile }, report);
  return {
    ...amqp,
    ...address,
    urls: [...address.urls],
    ...managementOf(management, report),
    tls: { ...files, ...pems, ...(secret && { passphrase: secret }) },
  };
}

/** Requests in clear text can be read and changed on their way: only within a machine, or against a simulator. */
function checkEndpoints({ cloud, protocol }: Settings, report: Report): void {
  if (protocol.unsafeTestWindows) return;
  for (const key of ["ecsEndpoint", "iamEndpoint", "imsEndpoint", "evsEndpoint"] as const) {
    const url = cloud[key];
    if (url === undefined || url.startsWith("https:") || isLoopback(new URL(url).hostname))
      continue;
    report({
      path: `cloud.${key}`,
      involves: [`cloud.${key}`, "protocol.unsafeTestWindows"],
      message:
        "must be https:// (http:// is for loopback hosts, and for simulators with UNSAFE_TEST_WINDOWS=true)",
    });
  }
}

/** By a host of a URL. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Two queues under one name would feed the worker its own waste. */
function checkQueueNames(names: Settings["amqp"]["names"], report: Report): void {
  const queues = ["commandsQueue", "deadQueue", "workQueue", "workDeadQueue"] as const;
  for (const [index, key] of queues.entries()) {
    const twin = queues.slice(0, index).find((earlier) => names[earlier] === names[key]);
    if (twin === undefined) continue;
    report({
      path: `amqp.names.${key}`,
      involves: [`amqp.names.${key}`, `amqp.names.${twin}`],
      message: `must differ from amqp.names.${twin}`,
    });
  }
  const waiting = `${names.workQueue}.waiting`;
  for (const key of queues) {
    if (names[key] !== waiting) continue;
    report({
      path: `amqp.names.${key}`,
      involves: [`amqp.names.${key}`, "amqp.names.workQueue"],
      message: `must differ from ${waiting}, the queue of those who wait (amqp.names.workQueue)`,
    });
  }
  if (names.commandsExchange === names.eventsExchange) {
    report({
      path: "amqp.names.eventsExchange",
      involves: ["amqp.names.eventsExchange", "amqp.names.commandsExchange"],
      message:
        "must differ from amqp.names.commandsExchange, or every event comes back as a command",
    });
  }
}
