import { randomBytes } from "node:crypto";
import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ownedDirectory } from "../processes/child-process.ts";
import { container, containerNetwork, published } from "../processes/docker-container.ts";
import {
  confLines,
  ERLANG_ARGS,
  evaluating,
  type NodePlan,
  type RabbitMqGround,
  type RabbitMqNode,
  type TlsFiles,
} from "./rabbitmq-node.ts";

/** Brokers in containers, for a machine that has an engine and no RabbitMQ of its own. */
export async function openDockerGround(image: string): Promise<RabbitMqGround> {
  const folder = await ownedDirectory("ecs-rabbitmq-");
  const network = await containerNetwork();
  const cookie = randomBytes(16).toString("hex");
  const nodes: RemovableNode[] = [];
  return {
    nodeNameOf,
    async addNode(plan) {
      const home = join(folder.path, plan.name);
      await writeConf(home, plan);
      const node = dockerNode(image, plan, { home, cookie, network: network.name });
      nodes.push(node);
      return node;
    },
    async close() {
      for (const node of nodes) await node.remove();
      await network.remove();
      await folder.remove();
    },
  };
}

interface RemovableNode extends RabbitMqNode {
  remove(): Promise<void>;
}

const nodeNameOf = (name: string) => `rabbit@${name}`;

const INSIDE = "/etc/rabbitmq/conf.d";

async function writeConf(home: string, plan: NodePlan): Promise<void> {
  await mkdir(home, { recursive: true });
  // The user in the container is another one, and mkdtemp lets only us in.
  await chmod(join(home, ".."), 0o755);
  const tls = plan.tls && (await copiedInto(home, plan.tls));
  const { tls: _, ...rest } = plan;
  // guest is turned away from anywhere but localhost, which is outside the container here.
  const conf = [...plan.conf, "loopback_users.guest = false"];
  const lines = confLines({ ...rest, conf, ...(tls === undefined ? {} : { tls }) }, "0.0.0.0");
  await writeFile(join(home, "90-test.conf"), `${lines.join("\n")}\n`);
}

/** Where the files are, seen from inside. */
async function copiedInto(home: string, tls: TlsFiles): Promise<TlsFiles> {
  await copyFile(tls.caFile, join(home, "ca.crt"));
  await copyFile(tls.certFile, join(home, "server.crt"));
  await copyFile(tls.keyFile, join(home, "server.key"));
  await chmod(join(home, "server.key"), 0o644);
  return {
    caFile: `${INSIDE}/ca.crt`,
    certFile: `${INSIDE}/server.crt`,
    keyFile: `${INSIDE}/server.key`,
  };
}

function dockerNode(
  image: string,
  plan: NodePlan,
  where: { readonly home: string; readonly cookie: string; readonly network: string },
): RemovableNode {
  const { amqp, management, tls } = plan.ports;
  const erlangArgs = `${ERLANG_ARGS} -setcookie ${where.cookie}`;
  const box = container(image, [
    ...[amqp, management, ...(tls === undefined ? [] : [tls])].flatMap(published),
    `--network=${where.network}`,
    `--hostname=${plan.name}`,
    `--network-alias=${plan.name}`,
    `--env=RABBITMQ_NODENAME=${nodeNameOf(plan.name)}`,
    `--env=RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=${erlangArgs}`,
    `--env=RABBITMQ_CTL_ERL_ARGS=-setcookie ${where.cookie}`,
    `--volume=${where.home}:${INSIDE}:ro`,
  ]);
  return {
    nodeName: nodeNameOf(plan.name),
    ports: plan.ports,
    get pid() {
      return box.pid;
    },
    failure: () => box.failure(),
    launch: () => box.start(),
    kill: () => box.kill(),
    terminate: () => box.terminate(20),
    pause: () => box.pause(),
    resume: () => box.resume(),
    wipe: () => box.remove(),
    ctl: (args) => box.exec(["rabbitmqctl", "-q", ...args]),
    call: (what) => box.exec(["rabbitmqctl", "-q", ...evaluating(what)]),
    remove: () => box.remove(),
  };
}
