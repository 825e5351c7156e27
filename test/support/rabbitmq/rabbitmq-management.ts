import { randomBytes } from "node:crypto";
import { eventually } from "../eventually.ts";

interface QueueLength {
  readonly name: string;
  readonly vhost: string;
  readonly type: string;
  /** Ready and unacknowledged together. The broker refreshes these numbers every half second, not at once. */
  readonly messages: number;
  readonly ready: number;
  readonly unacked: number;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface Vhost {
  readonly name: string;
  readonly url: string;
  remove(): Promise<void>;
}

interface Permissions {
  readonly user: string;
  readonly vhost?: string;
  readonly configure?: string;
  readonly write?: string;
  readonly read?: string;
}

/** What a test asks of a broker besides AMQP. Where a vhost may be left out, the URL's own is meant. */
export interface RabbitMqManagement {
  /** A vhost with a name of its own, for one test file. */
  newVhost(): Promise<Vhost>;
  createVhost(name: string): Promise<Vhost>;
  createUser(name: string, password: string, tags?: string): Promise<void>;
  setPermissions(permissions: Permissions): Promise<void>;
  /** The broker's URL for another vhost or user. */
  urlFor(change: { vhost?: string; user?: string; password?: string }): string;
  listQueues(vhost?: string): Promise<readonly QueueLength[]>;
  /** Queue name to its messages, ready and unacknowledged together. */
  queueDepths(vhost?: string): Promise<Readonly<Record<string, number>>>;
  definitions(vhost?: string): Promise<Definitions>;
  /** Any call of the management API, for what has no name here: `api("DELETE", "/exchanges/%2F/x")`. */
  api(method: string, path: string, body?: unknown): Promise<unknown>;
}

interface Definitions {
  readonly queues: readonly Record<string, unknown>[];
  readonly exchanges: readonly Record<string, unknown>[];
  readonly bindings: readonly Record<string, unknown>[];
  readonly policies: readonly Record<string, unknown>[];
}

/** Nodes that are busy putting their cluster together answer late. */
const MOST_MS = 60_000;

/** @param amqpUrl with the user who may do all this @param managementUrl `http://host:port`, no path */
export function rabbitMqManagement(amqpUrl: string, managementUrl: string): RabbitMqManagement {
  const own = new URL(amqpUrl);
  const ownVhost = own.pathname.length > 1 ? decodeURIComponent(own.pathname.slice(1)) : "/";
  const user = decodeURIComponent(own.username) || "guest";
  const password = decodeURIComponent(own.password) || "guest";
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;

  const api = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`${managementUrl}/api${path}`, {
      method,
      // A kept connection would outlive the call and look like a leak of the test.
      headers: { authorization, "content-type": "application/json", connection: "close" },
      signal: AbortSignal.timeout(MOST_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };
  const urlFor: RabbitMqManagement["urlFor"] = (change) => {
    const url = new URL(amqpUrl);
    if (change.user !== undefined) url.username = encodeURIComponent(change.user);
    if (change.password !== undefined) url.password = encodeURIComponent(change.password);
    if (change.vhost !== undefined) url.pathname = `/${encodeURIComponent(change.vhost)}`;
    return url.href;
  };
  const setPermissions = async (permissions: Permissions) => {
    const {
      user: who,
      vhost = ownVhost,
      configure = ".*",
      write = ".*",
      read = ".*",
    } = permissions;
    await api("PUT", `/permissions/${segment(vhost)}/${segment(who)}`, { configure, write, read });
  };
  /** A node of a cluster that has just been formed may miss a new vhost: there it stays stopped until it is started. */
  const startEverywhere = (path: string, why: string) =>
    eventually(
      async () => {
        const { cluster_state: nodes = {} } = (await api("GET", path)) as RawVhost;
        const stopped = Object.keys(nodes).filter((node) => nodes[node] !== "running");
        for (const node of stopped) await api("POST", `${path}/start/${segment(node)}`);
        return Object.keys(nodes).length > 0 && stopped.length === 0;
      },
      { what: `${path} on all nodes, after ${why}`, timeoutMs: MOST_MS, intervalMs: 500 },
    );
  const createVhost = async (name: string): Promise<Vhost> => {
    const path = `/vhosts/${segment(name)}`;
    await api("PUT", path, {}).catch(async (error: unknown) => {
      if (!String(error).includes(" 500 ")) throw error;
      await startEverywhere(path, String(error));
    });
    await setPermissions({ user, vhost: name });
    return {
      name,
      url: urlFor({ vhost: name }),
      remove: async () => void (await api("DELETE", `/vhosts/${segment(name)}`)),
    };
  };
  const listQueues = async (vhost = ownVhost): Promise<readonly QueueLength[]> => {
    const path = `/queues/${segment(vhost)}?disable_stats=true&enable_queue_totals=true`;
    return ((await api("GET", path)) as RawQueue[]).map(asQueueLength);
  };
  return {
    api,
    urlFor,
    createVhost,
    newVhost: () => createVhost(`test-${randomBytes(6).toString("hex")}`),
    async createUser(name, userPassword, tags = "") {
      await api("PUT", `/users/${segment(name)}`, { password: userPassword, tags });
    },
    setPermissions,
    listQueues,
    async queueDepths(vhost) {
      const queues = await listQueues(vhost);
      return Object.fromEntries(queues.map(({ name, messages }) => [name, messages]));
    },
    definitions: async (vhost = ownVhost) =>
      (await api("GET", `/definitions/${segment(vhost)}`)) as Definitions,
  };
}

interface RawVhost {
  /** By the name of the node. */
  readonly cluster_state?: Readonly<Record<string, string>>;
}

interface RawQueue {
  readonly name: string;
  readonly vhost: string;
  readonly type: string;
  readonly messages?: number;
  readonly messages_ready?: number;
  readonly messages_unacknowledged?: number;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

function asQueueLength(raw: RawQueue): QueueLength {
  return {
    name: raw.name,
    vhost: raw.vhost,
    type: raw.type,
    messages: raw.messages ?? 0,
    ready: raw.messages_ready ?? 0,
    unacked: raw.messages_unacknowledged ?? 0,
    arguments: raw.arguments ?? {},
  };
}

const segment = encodeURIComponent;
