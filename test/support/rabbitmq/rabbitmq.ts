import { rabbitMqBackend } from "../processes/backend.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../network/free-port.ts";
import { openDockerGround } from "./rabbitmq-docker.ts";
import { openLocalGround } from "./rabbitmq-local.ts";
import { type RabbitMqManagement, rabbitMqManagement } from "./rabbitmq-management.ts";
import {
  MEMORY_LIMIT_BYTES,
  type NodePorts,
  type RabbitMqGround,
  type RabbitMqNode,
  type TlsFiles,
} from "./rabbitmq-node.ts";
import { speaksAmqp } from "../network/tcp.ts";

export interface RabbitMqOptions {
  /**
   * The folder of another Debian (see debian-root.ts) whose RabbitMQ is used instead of this machine's. Without one
   * TEST_RABBITMQ_ROOT says so for a whole run.
   */
  readonly sysRoot?: string;
  /** More lines for rabbitmq.conf. */
  readonly extraConf?: readonly string[];
  /** The part of the Erlang node name before the @. */
  readonly nodeName?: string;
  /** Listens for TLS too; see `tlsUrl`. */
  readonly tls?: TlsFiles;
}

/** A throw-away broker on free loopback ports, user guest:guest. It ends with this process at the latest. */
export interface PrivateRabbitMq extends RabbitMqManagement {
  readonly url: string;
  readonly port: number;
  /** `amqps://…`, when the options asked for TLS. */
  readonly tlsUrl: string | undefined;
  readonly managementUrl: string;
  readonly nodeName: string;
  /** Of the Erlang machine; undefined while it is down. */
  readonly pid: number | undefined;
  /** rabbitmqctl, about a second of processor time a call. Answers its standard output. */
  ctl(...args: readonly string[]): Promise<string>;
  /** Applies a function in the node, in milliseconds: `sys suspend [name]`. Answers what it answered, as Erlang writes it. */
  call(what: string): Promise<string>;
  /** Starts it again after `kill` or `terminate`, on the same ports with its data. */
  start(): Promise<void>;
  /** SIGKILL. Quorum queues declared less than 2 s before may be stuck after the next start. */
  kill(): Promise<void>;
  /** An orderly end with SIGTERM, which takes seconds. */
  terminate(): Promise<void>;
  /** SIGSTOP: the sockets stay open and nobody answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Kills it and removes all data; `start` then brings up an empty broker. */
  wipe(): Promise<void>;
  /** Ends it for good and removes its folder. May be repeated. */
  stop(): Promise<void>;
  /** Raises or clears the memory alarm: publishers are blocked, connections hear `connection.blocked`. */
  setMemoryAlarm(on: boolean): Promise<void>;
  /** The broker closes every connection with 320 CONNECTION_FORCED. */
  closeAllConnections(): Promise<void>;
}

/** Takes 4 to 8 seconds. */
export async function startRabbitMq(options: RabbitMqOptions = {}): Promise<PrivateRabbitMq> {
  const [broker] = await startNodes([options.nodeName ?? "rabbit"], options);
  if (broker === undefined) throw new Error("no broker was started");
  return broker;
}

export interface RabbitMqCluster {
  readonly nodes: readonly PrivateRabbitMq[];
  stop(): Promise<void>;
}

/** Takes about 20 seconds for three nodes. */
export async function startRabbitMqCluster(
  size = 3,
  options: Omit<RabbitMqOptions, "nodeName"> = {},
): Promise<RabbitMqCluster> {
  const names = Array.from({ length: size }, (_, index) => `node${index + 1}`);
  const nodes = await startNodes(names, options);
  await eventually(
    async () => {
      const known = (await nodes[0]?.api("GET", "/nodes")) as { running: boolean }[];
      return known.length === size && known.every((node) => node.running);
    },
    { what: `a cluster of ${size} nodes`, timeoutMs: 60_000, intervalMs: 200 },
  );
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function startNodes(
  names: readonly string[],
  options: RabbitMqOptions,
): Promise<readonly PrivateRabbitMq[]> {
  const ground = await openGround(options);
  const clustering = names.length > 1 ? clusterConf(names.map(ground.nodeNameOf)) : [];
  const nodes: RabbitMqNode[] = [];
  let left = names.length;
  try {
    for (const name of names) {
      nodes.push(
        await ground.addNode({
          name,
          ports: await freePorts(options.tls !== undefined),
          conf: [...clustering, ...(options.extraConf ?? [])],
          ...(options.tls === undefined ? {} : { tls: options.tls }),
        }),
      );
    }
    await Promise.all(nodes.map(start));
  } catch (error) {
    await Promise.all(nodes.map((node) => node.kill()));
    await ground.close();
    throw error;
  }
  return nodes.map((node) =>
    asPrivateRabbitMq(node, async () => {
      left -= 1;
      if (left === 0) await ground.close();
    }),
  );
}

/**
 * The variable with the names of all Erlang modules that a broker needs, for those that start after it: loaded at one
 * time they cost a third less processor time than one by one.
 */
export const MODULES_VARIABLE = "TEST_RABBITMQ_MODULES";

/** The modules that a running broker has loaded. */
export async function loadedModules(broker: PrivateRabbitMq): Promise<string> {
  const said = await broker.call("code all_loaded []");
  // [{rabbit,"/usr/lib/…"},{'OTP-PUB-KEY',"…"},…]; those without a file are part of the machine, or made while it runs.
  const modules = [...said.matchAll(/\{'?([\w@.-]+)'?,\s*"/g)].map(([, name]) => name);
  if (modules.length === 0) throw new Error(`no loaded modules in ${said.slice(0, 200)}`);
  return modules.join(" ");
}

async function openGround({
  sysRoot = process.env.TEST_RABBITMQ_ROOT,
}: RabbitMqOptions): Promise<RabbitMqGround> {
  // Another line of the broker has other modules.
  const modules =
    sysRoot === process.env.TEST_RABBITMQ_ROOT ? process.env[MODULES_VARIABLE] : undefined;
  if (sysRoot !== undefined)
    return openLocalGround({ server: "/usr/lib/rabbitmq/bin/rabbitmq-server", sysRoot, modules });
  const backend = rabbitMqBackend();
  return backend.kind === "local"
    ? openLocalGround({ server: backend.command, modules })
    : openDockerGround(backend.image);
}

async function freePorts(withTls: boolean): Promise<NodePorts> {
  return {
    amqp: await freePort(),
    management: await freePort(),
    ...(withTls ? { tls: await freePort() } : {}),
  };
}

function clusterConf(nodeNames: readonly string[]): readonly string[] {
  return [
    "cluster_formation.peer_discovery_backend = classic_config",
    ...nodeNames.map(
      (name, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${name}`,
    ),
  ];
}

async function start(node: RabbitMqNode): Promise<void> {
  if (node.pid !== undefined) throw new Error(`${node.nodeName} runs already`);
  await node.launch();
  const failure = await eventually(
    async () => {
      const why = await node.failure();
      if (why !== undefined) return why;
      if (!(await speaksAmqp(node.ports.amqp))) return false;
      await managementOf(node).api("GET", "/overview");
      return undefined;
    },
    { what: `RabbitMQ on port ${node.ports.amqp}`, timeoutMs: 90_000, intervalMs: 50 },
  );
  if (failure !== undefined) throw new Error(`RabbitMQ ended while starting: ${failure}`);
}

function managementOf(node: RabbitMqNode): RabbitMqManagement {
  return rabbitMqManagement(urlOf(node), managementUrlOf(node));
}

const urlOf = (node: RabbitMqNode) => `amqp://guest:guest@127.0.0.1:${node.ports.amqp}`;
const managementUrlOf = (node: RabbitMqNode) => `http://127.0.0.1:${node.ports.management}`;

function asPrivateRabbitMq(node: RabbitMqNode, released: () => Promise<void>): PrivateRabbitMq {
  let stopped = false;
  return {
    ...managementOf(node),
    url: urlOf(node),
    port: node.ports.amqp,
    // By name: certificates are checked against localhost.
    tlsUrl:
      node.ports.tls === undefined ? undefined : `amqps://guest:guest@localhost:${node.ports.tls}`,
    managementUrl: managementUrlOf(node),
    nodeName: node.nodeName,
    get pid() {
      return node.pid;
    },
    ctl: (...args) => node.ctl(args),
    call: (what) => node.call(what),
    start: () => start(node),
    kill: () => node.kill(),
    terminate: () => node.terminate(),
    pause: () => node.pause(),
    resume: () => node.resume(),
    async wipe() {
      await node.kill();
      await node.wipe();
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      // Nobody needs its data any more, and an orderly end takes six seconds.
      await node.kill();
      await released();
    },
    async setMemoryAlarm(on) {
      const bytes = on ? 1 : MEMORY_LIMIT_BYTES;
      const said = await node.call(
        `vm_memory_monitor set_vm_memory_high_watermark [{absolute,${bytes}}]`,
      );
      if (said.trim() !== "ok") throw new Error(`memory alarm of ${node.nodeName}: ${said}`);
    },
    async closeAllConnections() {
      const said = await node.call('rabbit_networking close_all_connections ["test"]');
      if (said.trim() !== "ok") throw new Error(`connections of ${node.nodeName}: ${said}`);
    },
  };
}
