import { randomBytes } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { chmod, cp, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findOnPath, searchPath } from "../processes/backend.ts";
import {
  logTail,
  type OwnedProcess,
  ownedDirectory,
  type SpawnOptions,
  run,
  spawnOwned,
} from "../processes/child-process.ts";
import { eventually } from "../eventually.ts";
import { freePort } from "../network/free-port.ts";
import {
  confLines,
  ERLANG_ARGS,
  evaluating,
  type NodePlan,
  type RabbitMqGround,
  type RabbitMqNode,
  type TlsFiles,
} from "./rabbitmq-node.ts";
import { accepts } from "../network/tcp.ts";

/** An Erlang machine of its own for each command, and a node that is busy putting its cluster together. */
const CTL_MOST_MS = 90_000;

export interface LocalGroundOptions {
  /** The path of rabbitmq-server, as seen from inside the root. */
  readonly server: string;
  /** The folder of another Debian whose RabbitMQ is used; needs root. */
  readonly sysRoot?: string;
  /** Names of Erlang modules that a node loads at once when it starts. */
  readonly modules?: string | undefined;
}

/** Broker processes on this machine, with an epmd (Erlang's name server) and a cookie of their own. */
export async function openLocalGround({
  server,
  sysRoot = "",
  modules,
}: LocalGroundOptions): Promise<RabbitMqGround> {
  const folder = await ownedDirectory(
    "ecs-rabbitmq-",
    sysRoot === "" ? tmpdir() : `${sysRoot}/tmp`,
  );
  const epmdPort = await freePort();
  const cookie = randomBytes(16).toString("hex");
  const ground: Ground = {
    folder: folder.path,
    inside: folder.path.slice(sysRoot.length),
    bin: dirname(server),
    epmdPort,
    cookie,
    modules,
    erlCall: sysRoot === "" ? erlCall() : undefined,
    wrap: (argv) => (sysRoot === "" ? argv : insideRoot(sysRoot, argv)),
  };
  await writeFile(join(folder.path, ".erlang.cookie"), cookie);
  await chmod(join(folder.path, ".erlang.cookie"), 0o400);
  if (sysRoot !== "") await giveHosts(sysRoot);
  // A broker would start an epmd that nobody owns and that outlives it: this one is ours.
  const epmd = await startEpmd(ground);
  return {
    nodeNameOf,
    addNode: (plan) => addLocalNode(ground, plan),
    async close() {
      await epmd.kill();
      await folder.remove();
    },
  };
}

/** Without /etc/hosts the name localhost means nothing in there. In one step: others may be doing the same. */
async function giveHosts(sysRoot: string): Promise<void> {
  const draft = `${sysRoot}/etc/hosts.${randomBytes(4).toString("hex")}`;
  await cp("/etc/hosts", draft);
  await rename(draft, `${sysRoot}/etc/hosts`);
}

/** Copies of the files, where the broker can read them. */
async function bringInside(tls: TlsFiles, home: string, inside: string): Promise<TlsFiles> {
  await cp(tls.caFile, join(home, "ca.pem"));
  await cp(tls.certFile, join(home, "cert.pem"));
  await cp(tls.keyFile, join(home, "key.pem"));
  return {
    caFile: join(inside, "ca.pem"),
    certFile: join(inside, "cert.pem"),
    keyFile: join(inside, "key.pem"),
  };
}

interface Ground {
  readonly folder: string;
  /** The same folder, as the broker sees it. */
  readonly inside: string;
  readonly bin: string;
  readonly epmdPort: number;
  readonly cookie: string;
  readonly modules: string | undefined;
  readonly erlCall: string | undefined;
  wrap(argv: readonly string[]): readonly string[];
}

const nodeNameOf = (name: string) => `${name}@localhost`;

async function addLocalNode(ground: Ground, plan: NodePlan): Promise<RabbitMqNode> {
  const home = join(ground.folder, plan.name);
  const logFile = join(home, "log.txt");
  const nodeEnv = nodeEnvironment(ground, plan, await freePort());
  const argvOf = (script: string, args: readonly string[]) =>
    ground.wrap([join(ground.bin, script), ...args]);
  await mkdir(join(home, "generated"), { recursive: true });
  await writeFile(join(home, "plugins"), "[rabbitmq_management].\n");
  const inside = join(ground.inside, plan.name);
  const tls = plan.tls === undefined ? {} : { tls: await bringInside(plan.tls, home, inside) };
  const conf = confLines({ ...plan, ...tls }, "127.0.0.1");
  await writeFile(join(home, "rabbitmq.conf"), `${conf.join("\n")}\n`);
  let beam: OwnedProcess | undefined;
  const ctl: RabbitMqNode["ctl"] = async (args) => {
    const [command = "", ...rest] = argvOf("rabbitmqctl", ["-q", ...args]);
    return run(command, rest, { env: nodeEnv, timeoutMs: CTL_MOST_MS });
  };
  return {
    nodeName: nodeNameOf(plan.name),
    ports: plan.ports,
    get pid() {
      return beam?.ending === undefined ? beam?.pid : undefined;
    },
    async failure() {
      return beam?.ending === undefined ? undefined : `${beam.ending}\n${logTail(logFile)}`;
    },
    async launch() {
      // With this variable the script becomes the Erlang machine instead of watching over it: one process to kill.
      const env = { ...nodeEnv, RUNNING_UNDER_SYSTEMD: "true" };
      beam = await start(argvOf("rabbitmq-server", []), { env, logFile });
    },
    kill: async () => beam?.kill(),
    terminate: async () => beam?.terminate(20_000),
    pause: async () => beam?.signal("SIGSTOP"),
    resume: async () => beam?.signal("SIGCONT"),
    wipe: () => rm(join(home, "db"), { recursive: true, force: true, maxRetries: 5 }),
    ctl,
    async call(what) {
      if (ground.erlCall === undefined) return ctl(evaluating(what));
      const args = ["-n", nodeNameOf(plan.name), "-c", ground.cookie, "-a", what];
      const said = await run(ground.erlCall, args, { env: nodeEnv });
      if (said.startsWith("{badrpc,")) throw new Error(`${what}: ${said}`);
      return said;
    },
  };
}

/** The whole environment: nothing of ours, such as RABBITMQ_… or ERL_…, may reach the broker. */
function nodeEnvironment(ground: Ground, plan: NodePlan, distPort: number): NodeJS.ProcessEnv {
  const home = join(ground.inside, plan.name);
  return {
    PATH: searchPath().join(":"),
    LANG: "C.UTF-8",
    HOME: ground.inside,
    ...epmdEnvironment(ground),
    ERL_CRASH_DUMP: "/dev/null",
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_NODENAME: nodeNameOf(plan.name),
    RABBITMQ_DIST_PORT: `${distPort}`,
    RABBITMQ_MNESIA_BASE: join(home, "db"),
    RABBITMQ_LOG_BASE: join(home, "log"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, "plugins"),
    RABBITMQ_CONFIG_FILE: join(home, "rabbitmq"),
    RABBITMQ_GENERATED_CONFIG_DIR: join(home, "generated"),
    RABBITMQ_PID_FILE: join(home, "pid"),
    ...(ground.modules === undefined
      ? {}
      : // Its place is "-s MODULE boot"; what comes first is done first.
        { RABBITMQ_BOOT_MODULE: `code ensure_modules_loaded ${ground.modules} -s rabbit` }),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${ERLANG_ARGS} -kernel inet_dist_use_interface {127,0,0,1}`,
  };
}

function epmdEnvironment(ground: Ground): NodeJS.ProcessEnv {
  return { ERL_EPMD_PORT: `${ground.epmdPort}`, ERL_EPMD_ADDRESS: "127.0.0.1" };
}

async function startEpmd(ground: Ground): Promise<OwnedProcess> {
  const logFile = join(ground.folder, "epmd.txt");
  const env = { PATH: searchPath().join(":"), ...epmdEnvironment(ground) };
  const local = findOnPath("epmd") ?? (await epmdOfErlang());
  const argv = local === undefined ? ground.wrap(["/usr/bin/epmd"]) : [local];
  const epmd = await start(argv, { env, logFile });
  await eventually(async () => epmd.ending === undefined && accepts(ground.epmdPort), {
    what: `epmd on port ${ground.epmdPort}`,
    intervalMs: 10,
  });
  return epmd;
}

/** Calls functions of a node in milliseconds: a program of Erlang that lies beside epmd, if it was packaged. */
function erlCall(): string | undefined {
  const epmd = findOnPath("epmd");
  const path = epmd === undefined ? "" : join(dirname(realpathSync(epmd)), "erl_call");
  return existsSync(path) ? path : undefined;
}

/** Some packages keep epmd out of the PATH, in the folder of the Erlang machine. */
async function epmdOfErlang(): Promise<string | undefined> {
  const erl = findOnPath("erl");
  if (erl === undefined) return undefined;
  const expression =
    'io:put_chars(filename:join([code:root_dir(), "erts-" ++ erlang:system_info(version), "bin", "epmd"])), halt().';
  return run(erl, ["-noshell", "-eval", expression]);
}

async function start(argv: readonly string[], options: SpawnOptions): Promise<OwnedProcess> {
  const [command, ...args] = argv;
  if (command === undefined) throw new Error("nothing to start");
  return spawnOwned(command, args, options);
}

/**
 * In the other Debian's root, with a /proc that only this process sees and that goes away with it. Every program of
 * the chain replaces itself with the next one: the process id stays the broker's.
 */
function insideRoot(sysRoot: string, argv: readonly string[]): readonly string[] {
  const script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
  return ["unshare", "-m", "--propagation", "private", "sh", "-c", script, sysRoot, ...argv];
}
