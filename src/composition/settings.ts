import { unescape } from "node:querystring";
import { isOurs } from "../adapters/amqp/publishing/publications.ts";
import type { AmqpSettings } from "../adapters/amqp/settings.ts";
import type { CloudSettings } from "../adapters/cloud/settings.ts";
import type { RedisSettings } from "../adapters/redis/connection/client.ts";
import type { RedisTls } from "../adapters/redis/connection/client-tls.ts";
import type { BrakeRules } from "../core/brakes/brake-rules.ts";
import type { StoreRules } from "../adapters/redis/store-rules.ts";
import type { Config } from "../config/assemble.ts";
import type { IntakeRules } from "../core/intake/intake-rules.ts";
import { tlsMaterial } from "../config/rotation.ts";
import type { Rules } from "../core/rules.ts";
import { toWindow } from "../core/brakes/window-text.ts";
import type { SenderRule } from "../core/intake/senders.ts";
import { createWindows, type Windows } from "../core/brakes/windows.ts";

/*
 * The configuration as each room wants it.
 */

/** What the broker's adapter is set up with; `access` reads addresses and TLS files again at each call. */
export function amqpSettings({ amqp, protocol }: Config): AmqpSettings {
  const { tls, urlsNow, username: _user, password: _password, management, ...rest } = amqp;
  const { servername } = tls;
  const material = tlsMaterial(tls);
  const access = () => ({
    urls: urlsNow(),
    tls: { ...material(), ...(servername && { servername }) },
  });
  const { caPem } = tls;
  return {
    ...rest,
    ...access(),
    access,
    delaysMs: protocol.pollIntervalsMs,
    ...(management && {
      management: {
        url: management.url,
        logIn: () => managementLogIn(management, urlsNow()[0]),
        ...(caPem && { caPem }),
      },
    }),
  };
}

function managementLogIn(
  { username, password }: NonNullable<Config["amqp"]["management"]>,
  brokerUrl: string | undefined,
) {
  if (username && password) return { username: username(), password: password() };
  const url = new URL(brokerUrl ?? "amqp://");
  const plain = (part: string) => unescape(part) || "guest";
  return { username: plain(url.username), password: plain(url.password) };
}

/** Everything that is given again while the worker runs, and that a connection to the broker depends on. */
export function amqpSecrets({ access }: AmqpSettings): readonly string[] {
  const now = access?.();
  return now === undefined ? [] : [...now.urls, ...Object.values(now.tls ?? {})];
}

/** What the cloud's adapter is set up with. */
export function cloudSettings({ cloud, protocol }: Config): CloudSettings {
  const { signatureWindowMs } = protocol;
  return { ...cloud, signatureWindowMs };
}

/** What the Redis client is set up with. */
export function redisSettings({ tls, sentinel, ...redis }: Config["redis"]): RedisSettings {
  return {
    ...redis,
    ...(tls && { tls: redisTls(tls) }),
    ...(sentinel && {
      sentinel: { ...sentinel, ...(sentinel.tls && { tls: redisTls(sentinel.tls) }) },
    }),
  };
}

/** The user and password of Redis as they are now. */
export function redisCredentials({ username, password }: Config["redis"]) {
  return { username: username?.(), password: password?.() };
}

function redisTls({ servername, ...sources }: NonNullable<Config["redis"]["tls"]>): RedisTls {
  return { material: tlsMaterial(sources), servername };
}

/** The limits of the brakes, as the store's scripts are given them. */
export function brakeRules({
  brakes,
  cloud: { budget },
}: Pick<Config, "brakes" | "cloud">): BrakeRules {
  const {
    paused,
    overridable: _intake,
    allow: _core,
    windows: _zones,
    senders: _users,
    ...limits
  } = brakes;
  return {
    pausedByConfiguration: paused,
    stormOpenAt: limits.maxRunning,
    ...limits,
    callsPerSecond: budget.requestsPerSecond,
    callBurst: budget.burst,
  };
}

/** Times at which nothing begins. */
export function windowsOf({ windows }: Config["brakes"]): Windows {
  return createWindows(windows.map(toWindow));
}

/** What each broker user may ask for. */
function sendersOf({ senders }: Config["brakes"]): readonly SenderRule[] {
  return senders.map(({ per_hour: perHour, ...rule }) => ({ ...rule, perHour }));
}

/** What the store's scripts are given. */
export function storeRules(config: Config): StoreRules {
  const { protocol, redis } = config;
  return {
    rebuildHoldMs: protocol.rebuildHoldMs,
    dedupTtlMs: protocol.dedupTtlMs,
    waitReplicas: redis.waitReplicas,
    waitTimeoutMs: redis.waitTimeoutMs,
    brakes: brakeRules(config),
    windows: windowsOf(config.brakes),
    senders: sendersOf(config.brakes),
  };
}

/** What is taken for a command, without the projects. */
export function intakeRules(
  { protocol, brakes }: Config,
  amqp: AmqpSettings,
): Omit<IntakeRules, "projects"> {
  const { commandMaxAgeMs, dedupTtlMs, userDataCheck } = protocol;
  return {
    commandMaxAgeMs,
    dedupTtlMs,
    userDataCheck,
    overridable: brakes.overridable,
    senders: sendersOf(brakes),
    isOurQueue: (queue) => isOurs(amqp, queue),
  };
}

/** The times and limits that the core decides by. */
export function protocolRules({ protocol, cloud, brakes }: Config): Rules {
  const { readyProbe, readyTimeoutMs, ...rest } = protocol;
  return {
    ...rest,
    readyTimeoutMs: readyProbe === undefined ? null : readyTimeoutMs,
    allow: brakes.allow,
    ladderMs: protocol.pollIntervalsMs,
    // A token has no date in the request: the cloud takes one however late it comes.
    requestsExpire: cloud.credentials.kind === "ak-sk",
  };
}

/** How often the pauses are read: at least twice between a loss of memory and the first lock after it (brakes.md §6). */
export function pauseIntervalMs({ protocol }: Config): number {
  return Math.min(15_000, Math.max(10, Math.floor(protocol.rebuildHoldMs / 3)));
}
