import { Cluster, Redis, type RedisOptions } from "ioredis";

/** Where Redis is and how patiently it is asked. Times in milliseconds. */
export interface RedisSettings {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: (() => string) | undefined;
  readonly tls?:
    | {
        readonly caPem?: (() => string) | undefined;
        readonly certPem?: (() => string) | undefined;
        readonly keyPem?: (() => string) | undefined;
        readonly servername?: string | undefined;
      }
    | undefined;
  readonly sentinel?:
    | {
        readonly hosts: readonly { readonly host: string; readonly port: number }[];
        readonly name: string;
        readonly password?: (() => string) | undefined;
      }
    | undefined;
  readonly cluster?:
    | { readonly nodes: readonly { readonly host: string; readonly port: number }[] }
    | undefined;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
}

export type RedisClient = Redis | Cluster;

/**
 * A client that never does more than it was asked: a repeated or delayed script would act on a world that
 * has moved on. So: no automatic resend, no offline queue, a time-out on every command; a time-out means
 * "may have happened" (design §6). Connects when `connect()` is called and reconnects for ever, with jitter.
 */
export function createRedisClient(settings: RedisSettings): RedisClient {
  const tls = tlsOptions(settings);
  const common = {
    commandTimeout: settings.commandTimeoutMs,
    connectTimeout: settings.connectTimeoutMs,
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    connectionName: "ecs-reinstall-worker",
    retryStrategy: (times: number) =>
      Math.min(5_000, 50 * 2 ** Math.min(times, 7)) * (0.5 + Math.random() / 2),
    // After a failover the old primary answers READONLY: only a new connection finds the new one.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
    ...(settings.username === undefined ? {} : { username: settings.username }),
    ...(settings.password === undefined ? {} : { password: settings.password() }),
    ...(tls === undefined ? {} : { tls }),
  } satisfies RedisOptions;
  if (settings.cluster !== undefined) {
    return new Cluster([...settings.cluster.nodes], {
      redisOptions: common,
      enableOfflineQueue: false,
      lazyConnect: true,
      clusterRetryStrategy: common.retryStrategy,
    });
  }
  if (settings.sentinel !== undefined) {
    const { hosts, name, password } = settings.sentinel;
    return new Redis({
      ...common,
      sentinels: [...hosts],
      name,
      ...(password === undefined ? {} : { sentinelPassword: password() }),
    });
  }
  return new Redis(settings.url, common);
}

function tlsOptions({ tls, url }: RedisSettings) {
  if (tls === undefined) return url.startsWith("rediss:") ? VERIFIED : undefined;
  return {
    ...VERIFIED,
    ...(tls.caPem === undefined ? {} : { ca: tls.caPem() }),
    ...(tls.certPem === undefined ? {} : { cert: tls.certPem() }),
    ...(tls.keyPem === undefined ? {} : { key: tls.keyPem() }),
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
  };
}

/** Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off. */
const VERIFIED = { rejectUnauthorized: true } as const;
