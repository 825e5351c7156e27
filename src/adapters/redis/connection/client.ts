import { Cluster, Redis, type RedisOptions } from "ioredis";
import { type RedisTls, tlsOptions } from "./client-tls.ts";
import { oneWriteATurn } from "../../one-write-a-turn.ts";
import { explainSentinels } from "./sentinel-trouble.ts";

interface Address {
  readonly host: string;
  readonly port: number;
}

/** A name or a secret as it is now: it may change while the client lives. */
type Source = () => string;

/** Where Redis is and how patiently it is asked. Times in milliseconds. */
export interface RedisSettings {
  /** Scheme and database count everywhere; the host only without Sentinel and Cluster. `rediss` without `tls`: Node's CAs. */
  readonly url: string;
  readonly username?: Source | undefined;
  readonly password?: Source | undefined;
  readonly tls?: RedisTls | undefined;
  readonly sentinel?:
    | {
        readonly hosts: readonly Address[];
        readonly name: string;
        readonly username?: Source | undefined;
        readonly password?: Source | undefined;
        readonly tls?: RedisTls | undefined;
      }
    | undefined;
  readonly cluster?: { readonly nodes: readonly Address[] } | undefined;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

export type RedisClient = Redis | Cluster;

/**
 * A client that never does more than it was asked: a repeated or delayed script would act on a world that
 * has moved on. So: no automatic resend, no offline queue, a time-out on every command; a time-out means
 * "may have happened" (design §6). Connects when `connect()` is called and reconnects for ever, with jitter; each
 * connection is opened with the credentials and certificates of that moment.
 */
export function createRedisClient(settings: RedisSettings): RedisClient {
  const tls = settings.url.startsWith("rediss:") ? tlsOptions(settings.tls) : undefined;
  const common = commonOptions(settings, tls);
  if (settings.cluster !== undefined) return clusterClient(settings, settings.cluster, common);
  if (settings.sentinel !== undefined) {
    const { hosts, name, ...own } = settings.sentinel;
    const sentinelTls = tls && tlsOptions(own.tls);
    const redis = new Redis({
      ...common,
      db: databaseOf(settings.url),
      sentinels: [...hosts],
      name,
      sentinelCommandTimeout: settings.commandTimeoutMs,
      sentinelRetryStrategy: retryDelayMs,
      // `tls` alone would say it of neither: the library speaks plain text to both unless both are set.
      ...(sentinelTls && { enableTLSForSentinelMode: true, sentinelTLS: sentinelTls }),
    });
    readEachTime(redis.options, {
      username: settings.username,
      password: settings.password,
      sentinelUsername: own.username,
      sentinelPassword: own.password,
    });
    writeTogether(redis);
    explainSentinels(redis, { hosts, tls: sentinelTls, timeoutMs: settings.connectTimeoutMs });
    return redis;
  }
  const { hostname, port } = new URL(settings.url);
  const redis = new Redis({
    ...common,
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? 6379 : Number(port),
    db: databaseOf(settings.url),
  });
  readEachTime(redis.options, { username: settings.username, password: settings.password });
  writeTogether(redis);
  return redis;
}

/** Each connection, as soon as it is there. */
function writeTogether(redis: Redis): void {
  redis.on("connect", () => oneWriteATurn(redis.stream));
}

function commonOptions(
  { commandTimeoutMs, connectTimeoutMs }: RedisSettings,
  tls: RedisOptions["tls"],
) {
  return {
    commandTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
    // A peer that went without a word keeps its connection for a quarter of an hour: a new one finds its successor.
    socketTimeout: SILENT_COMMANDS * commandTimeoutMs,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    connectionName: "ecs-reinstall-worker",
    retryStrategy: retryDelayMs,
    // After a failover the old primary answers READONLY: only a new connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(tls && { tls }),
  } satisfies RedisOptions;
}

/** So many command time-outs in a row without a byte: the connection is given up. */
const SILENT_COMMANDS = 3;

function retryDelayMs(times: number): number {
  const longestMs = Math.min(5_000, 50 * 2 ** Math.min(times, 7));
  return Math.round(longestMs * (0.5 + Math.random() / 2));
}

function clusterClient(
  settings: RedisSettings,
  { nodes }: NonNullable<RedisSettings["cluster"]>,
  common: ReturnType<typeof commonOptions>,
): Cluster {
  const { retryStrategy, enableOfflineQueue, ...redisOptions } = common;
  const cluster = new Cluster([...nodes], {
    redisOptions,
    enableOfflineQueue,
    lazyConnect: true,
    clusterRetryStrategy: retryStrategy,
    // Whether it answers is asked elsewhere, project by project: one master of many that is down is no reason to leave all.
    enableReadyCheck: false,
    // A command on a connection that broke may have happened: it is not sent again.
    retryDelayOnFailover: 0,
    // The caller waits better, and says why.
    retryDelayOnClusterDown: 0,
    // A node that is silent moves nobody; the others know who has taken its place.
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    // Names stay names: certificates are checked against them.
    dnsLookup: (address, callback) => callback(null, address),
  });
  cluster.on("+node", (node: Redis) => {
    readEachTime(node.options, { username: settings.username, password: settings.password });
    writeTogether(node);
    // Connected before it is needed: commands to a node that only connects now would wait in a queue of its own.
    if (node.options.readOnly !== true) node.connect().catch(() => undefined);
  });
  return cluster;
}

const SLOTS_REFRESH_MS = 10_000;

/** The library reads these options for each connection that it opens. */
function readEachTime(
  options: object,
  sources: Readonly<Record<string, Source | undefined>>,
): void {
  for (const [name, get] of Object.entries(sources)) {
    if (get !== undefined) {
      Object.defineProperty(options, name, { get, enumerable: true, configurable: true });
    }
  }
}

function databaseOf(url: string): number {
  return Number(new URL(url).pathname.slice(1));
}
