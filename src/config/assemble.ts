import { type AddressPart, brokerAddress, withoutAddress } from "./broker-address.ts";
import { type Credentials, credentialsOf, secretOf } from "./credentials.ts";
import type { Address } from "./fields.ts";
import { derivedRebuildHoldMs, type Report } from "./inequalities.ts";
import type { Settings } from "./schema.ts";
import { fixedSecret, type SecretSource } from "./secret.ts";
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
  amqp: Omit<Settings["amqp"], AddressPart | "tls"> & {
    /** As they were when the configuration was read; without user and password where those are beside them. */
    urls: string[];
    /** What to connect to now, user and password included: read again from their files. */
    urlsNow: () => readonly string[];
    username?: SecretSource;
    password?: SecretSource;
    tls: AmqpTls & TlsPems & { passphrase?: SecretSource };
  };
  redis: Omit<
    Settings["redis"],
    "username" | "password" | "passwordFile" | "tls" | "sentinel" | "cluster"
  > & {
    /** Without user and password: those are beside it, wherever they came from. */
    url: string;
    username?: string;
    password?: SecretSource;
    /** There when the URL says `rediss://`, and only then. Holds for Sentinel and Cluster too. */
    tls?: Settings["redis"]["tls"] & TlsPems;
    /** At most one of the two; with neither, `url` says where the server is. */
    sentinel?: { hosts: Address[]; name: string; password?: SecretSource };
    cluster?: { nodes: Address[] };
  };
  cloud: Omit<Settings["cloud"], "credentials"> & {
    credentials: Credentials;
    /** Content of `caFile`. */
    caPem?: SecretSource;
  };
  protocol: Omit<Settings["protocol"], "rebuildHoldMs"> & { rebuildHoldMs: number };
  brakes: Settings["brakes"];
  http: Settings["http"];
  shutdown: Settings["shutdown"];
  log: Settings["log"];
  /** Null: no tracing. */
  tracing: TracingConfig | null;
}>;

/**
 * Turns checked settings into the configuration: looks at files, decides between alternatives. Rules that
 * are broken go to `report`; null when there is no configuration without them.
 */
export function assemble(settings: Settings, report: Report): Config | null {
  const { amqp, redis, cloud, protocol, tracing, ...rest } = settings;
  const amqpConfig = assembleAmqp(amqp, report);
  const redisConfig = assembleRedis(redis, report);
  const credentials = credentialsOf(cloud.credentials, report);
  const tracingConfig = assembleTracing(tracing, report);
  const caPem = pemOf("cloud.caFile", cloud.caFile, report);
  checkEndpoints(settings, report);
  if (credentials === null) return null;
  return {
    amqp: amqpConfig,
    redis: redisConfig,
    cloud: { ...cloud, credentials, ...(caPem && { caPem }) },
    protocol: {
      ...protocol,
      rebuildHoldMs: protocol.rebuildHoldMs ?? derivedRebuildHoldMs(settings),
    },
    tracing: tracingConfig,
    ...rest,
  };
}

/** The broker's room alone: for programs that only send and listen. */
export function assembleAmqp(settings: Settings["amqp"], report: Report): Config["amqp"] {
  const { tls, ...rest } = settings;
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
    tls: { ...files, ...pems, ...(secret && { passphrase: secret }) },
  };
}

export function assembleRedis(settings: Settings["redis"], report: Report): Config["redis"] {
  const { url, username, password, passwordFile, tls, sentinel, cluster, ...redis } = settings;
  const parsed = new URL(url);
  const usesTls = parsed.protocol === "rediss:";
  const pems = tlsOf("redis.tls", tls, { path: "redis.url", usesTls, scheme: "rediss" }, report);
  const inUrl = { username: decoded(parsed.username), password: decoded(parsed.password) };
  parsed.username = "";
  parsed.password = "";
  const given = secretOf("redis", "password", { password, passwordFile }, report);
  if (given && inUrl.password !== "") {
    report({
      path: "redis.password",
      involves: ["redis.password", "redis.passwordFile", "redis.url"],
      message: "is given twice: here or in its file, and inside REDIS_URL",
    });
  }
  const secret = given ?? (inUrl.password === "" ? undefined : fixedSecret(inUrl.password));
  const user = username ?? inUrl.username;
  return {
    ...redis,
    url: parsed.href,
    ...(user !== "" && { username: user }),
    ...(secret && { password: secret }),
    ...(usesTls && { tls: { ...tls, ...pems } }),
    ...assembleSentinel(sentinel, report),
    ...assembleCluster({ sentinel, cluster }, report),
  };
}

function assembleSentinel(
  { hosts, name, password, passwordFile }: Settings["redis"]["sentinel"],
  report: Report,
): Pick<Config["redis"], "sentinel"> {
  const secret = secretOf("redis.sentinel", "password", { password, passwordFile }, report);
  if (hosts.length === 0) return {};
  if (name === undefined) {
    report({
      path: "redis.sentinel.name",
      involves: ["redis.sentinel.name", "redis.sentinel.hosts"],
      message: "is missing: REDIS_SENTINEL_HOSTS is set, and Sentinels must be asked for a name",
    });
  }
  return { sentinel: { hosts, name: name ?? "", ...(secret && { password: secret }) } };
}

function assembleCluster(
  { sentinel, cluster }: Pick<Settings["redis"], "sentinel" | "cluster">,
  report: Report,
): Pick<Config["redis"], "cluster"> {
  if (cluster.nodes.length === 0) return {};
  if (sentinel.hosts.length > 0) {
    report({
      path: "redis.cluster.nodes",
      involves: ["redis.cluster.nodes", "redis.sentinel.hosts"],
      message: "excludes REDIS_SENTINEL_HOSTS: give one of the two",
    });
  }
  return { cluster };
}

/** Requests in clear text can be read and changed on their way: only within a machine, or against a simulator. */
function checkEndpoints({ cloud, protocol }: Settings, report: Report): void {
  if (protocol.unsafeTestWindows) return;
  for (const key of ["ecsEndpoint", "iamEndpoint", "imsEndpoint"] as const) {
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

function isLoopback(host: string): boolean {
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
  if (names.commandsExchange === names.eventsExchange) {
    report({
      path: "amqp.names.eventsExchange",
      involves: ["amqp.names.eventsExchange", "amqp.names.commandsExchange"],
      message:
        "must differ from amqp.names.commandsExchange, or every event comes back as a command",
    });
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A lone % is taken as it stands: the schema cannot tell it from a password that has one.
    return part;
  }
}
