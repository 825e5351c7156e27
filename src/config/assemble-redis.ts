import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { secretOf } from "./credentials.ts";
import type { Address } from "./fields.ts";
import type { Report } from "./inequalities.ts";
import type { Settings } from "./schema.ts";
import { fixedSecret, percentDecoded, type SecretSource } from "./secret.ts";
import { type TlsPems, tlsOf } from "./tls.ts";

type RedisSettings = Settings["redis"];
type Files = RedisSettings["tls"];

/** Redis's room: files looked up, secrets behind functions, what excludes each other refused. */
export interface RedisConfig
  extends Omit<
    RedisSettings,
    "username" | "usernameFile" | "password" | "passwordFile" | "tls" | "sentinel" | "cluster"
  > {
  /** Without user and password: those are beside it, wherever they come from. */
  url: string;
  username?: SecretSource;
  password?: SecretSource;
  /** There when the URL says `rediss://`, and only then. */
  tls?: Files & TlsPems;
  /** At most one of the two; with neither, `url` says where the server is. */
  sentinel?: {
    hosts: Address[];
    name: string;
    username?: SecretSource;
    password?: SecretSource;
    /** There when `tls` is: what the Sentinels have of their own, the rest as for the server. */
    tls?: Files & TlsPems;
  };
  cluster?: { nodes: Address[] };
}

const URL_PATH = "redis.url";

/** Rules that are broken go to `report`. */
export function assembleRedis(settings: RedisSettings, report: Report): RedisConfig {
  const { url, username, usernameFile, password, passwordFile, tls, sentinel, cluster, ...rest } =
    settings;
  const parsed = new URL(url);
  const usesTls = parsed.protocol === "rediss:";
  const source = { path: URL_PATH, usesTls, scheme: "rediss" };
  const pems = tlsOf("redis.tls", tls, source, report);
  checkMaterial("redis.tls", pems, report);
  const inUrl = {
    username: percentDecoded(parsed.username),
    password: percentDecoded(parsed.password),
  };
  parsed.username = "";
  parsed.password = "";
  const given = secretOf("redis", "password", { password, passwordFile }, report);
  if (given && inUrl.password !== "") {
    report({
      path: "redis.password",
      involves: ["redis.password", "redis.passwordFile", URL_PATH],
      message: "is given twice: here or in its file, and inside REDIS_URL",
    });
  }
  const secret = given ?? fromUrl(inUrl.password);
  const user =
    secretOf("redis", "username", { username, usernameFile }, report) ?? fromUrl(inUrl.username);
  const forServer = usesTls ? { ...tls, ...pems } : undefined;
  const forSentinels = assembleSentinel(sentinel, { forServer, source }, report);
  return {
    ...rest,
    url: parsed.href,
    ...(user && { username: user }),
    ...(secret && { password: secret }),
    ...(forServer && { tls: forServer }),
    ...forSentinels,
    ...assembleCluster({ sentinel, cluster, database: parsed.pathname }, report),
  };
}

function assembleSentinel(
  sentinel: RedisSettings["sentinel"],
  server: {
    readonly forServer: RedisConfig["tls"];
    readonly source: Parameters<typeof tlsOf>[2];
  },
  report: Report,
): Pick<RedisConfig, "sentinel"> {
  const { hosts, name, username, usernameFile, password, passwordFile, tls } = sentinel;
  const secret = secretOf("redis.sentinel", "password", { password, passwordFile }, report);
  const user = secretOf("redis.sentinel", "username", { username, usernameFile }, report);
  const pems = tlsOf("redis.sentinel.tls", tls, server.source, report);
  checkMaterial("redis.sentinel.tls", pems, report);
  if (hosts.length === 0) return {};
  if (name === undefined) {
    report({
      path: "redis.sentinel.name",
      involves: ["redis.sentinel.name", "redis.sentinel.hosts"],
      message: "is missing: REDIS_SENTINEL_HOSTS is set, and Sentinels must be asked for a name",
    });
  }
  const { servername, ...inherited } = server.forServer ?? {};
  // The server's name says nothing of Sentinels that have names of their own.
  const named = hosts.every(({ host }) => isAddress(host)) && servername ? { servername } : {};
  return {
    sentinel: {
      hosts,
      name: name ?? "",
      ...(user && { username: user }),
      ...(secret && { password: secret }),
      ...(server.forServer && { tls: { ...named, ...inherited, ...tls, ...pems } }),
    },
  };
}

function assembleCluster(
  {
    sentinel,
    cluster,
    database,
  }: Pick<RedisSettings, "sentinel" | "cluster"> & { readonly database: string },
  report: Report,
): Pick<RedisConfig, "cluster"> {
  if (cluster.nodes.length === 0) return {};
  const path = "redis.cluster.nodes";
  if (sentinel.hosts.length > 0) {
    report({
      path,
      involves: [path, "redis.sentinel.hosts"],
      message: "excludes REDIS_SENTINEL_HOSTS: give one of the two",
    });
  }
  if (Number(database.slice(1)) !== 0) {
    report({
      path: URL_PATH,
      involves: [URL_PATH, path],
      message:
        "must name no database but 0: REDIS_CLUSTER_NODES is set, and a Cluster has no other",
    });
  }
  return { cluster };
}

/** Refused here rather than at each connection: a key of another certificate, a file that only looks like PEM. */
function checkMaterial(room: string, pems: TlsPems, report: Report): void {
  const { caPem, certPem, keyPem } = pems;
  if (caPem !== undefined && !succeeds(() => new X509Certificate(caPem()))) {
    report({
      path: `${room}.caFile`,
      involves: [`${room}.caFile`],
      message: "holds no certificate that can be read",
    });
  }
  if (certPem !== undefined && keyPem !== undefined) {
    if (succeeds(() => createSecureContext({ cert: certPem(), key: keyPem() }))) return;
    report({
      path: `${room}.keyFile`,
      involves: [`${room}.keyFile`, `${room}.certFile`],
      message: "does not belong to the client certificate, or one of the two cannot be read",
    });
  }
}

function succeeds(act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch {
    return false;
  }
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d{1,3}(\.\d{1,3}){3}$/.test(host);
}

function fromUrl(part: string): SecretSource | undefined {
  return part === "" ? undefined : fixedSecret(part);
}
