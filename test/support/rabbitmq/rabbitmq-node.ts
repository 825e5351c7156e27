/** One RabbitMQ node, wherever it runs: what differs between a process of this machine and a container. */
export interface RabbitMqNode {
  /** Erlang's name of it, `name@host`. */
  readonly nodeName: string;
  readonly ports: NodePorts;
  readonly pid: number | undefined;
  /** What the node last said, once it has ended without being asked to. */
  failure(): Promise<string | undefined>;
  /** Answers when the node was launched, long before it can serve. */
  launch(): Promise<void>;
  kill(): Promise<void>;
  terminate(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Removes all data of the stopped node. */
  wipe(): Promise<void>;
  ctl(args: readonly string[]): Promise<string>;
  /** Applies a function in the node, without starting an Erlang machine for it: `module function [arguments]`. */
  call(what: string): Promise<string>;
}

export interface NodePorts {
  readonly amqp: number;
  readonly management: number;
  readonly tls?: number;
}

/** Where the nodes of one broker live and find each other. */
export interface RabbitMqGround {
  addNode(plan: NodePlan): Promise<RabbitMqNode>;
  /** The Erlang name that a node will have, for the peers' configuration. */
  readonly nodeNameOf: (name: string) => string;
  /** Only after all nodes have ended. */
  close(): Promise<void>;
}

export interface NodePlan {
  readonly name: string;
  readonly ports: NodePorts;
  /** Lines of rabbitmq.conf after the ones about listeners and limits. */
  readonly conf: readonly string[];
  readonly tls?: TlsFiles;
}

/** Arguments of rabbitmqctl that call the same: for where nothing smaller can. */
export function evaluating(what: string): readonly string[] {
  const [, module, name, args] = /^(\S+) (\S+) \[(.*)\]$/.exec(what) ?? [];
  return ["eval", `${module}:${name}(${args}).`];
}

export interface TlsFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** Several files share one broker, and one of them sends 240 MiB: an alarm would stop them all. */
export const MEMORY_LIMIT_BYTES = 2_000_000_000;

/** What every node gets, so that it needs little and talks to this machine only. */
export function confLines(plan: NodePlan, bindTo: string): readonly string[] {
  const { ports, tls } = plan;
  return [
    `listeners.tcp.1 = ${bindTo}:${ports.amqp}`,
    `management.tcp.ip = ${bindTo}`,
    `management.tcp.port = ${ports.management}`,
    "disk_free_limit.absolute = 50MB",
    `vm_memory_high_watermark.absolute = ${MEMORY_LIMIT_BYTES}`,
    // Queue lengths come from these statistics; the default of 5 s would make every test wait for them.
    `collect_statistics_interval = ${STATISTICS_INTERVAL_MS}`,
    "log.file = false",
    "log.console = true",
    "log.console.level = warning",
    ...(tls === undefined || ports.tls === undefined
      ? []
      : [
          `listeners.ssl.1 = ${bindTo}:${ports.tls}`,
          `ssl_options.cacertfile = ${tls.caFile}`,
          `ssl_options.certfile = ${tls.certFile}`,
          `ssl_options.keyfile = ${tls.keyFile}`,
        ]),
    ...plan.conf,
  ];
}

const STATISTICS_INTERVAL_MS = 500;

/** One scheduler that does not spin: several brokers share two cores. Quorum queues report as often as the others. */
export const ERLANG_ARGS = `+S 1:1 +sbwt none -rabbit quorum_tick_interval ${STATISTICS_INTERVAL_MS}`;
