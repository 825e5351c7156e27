import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { connect } from "amqplib";
import manifest from "../../package.json" with { type: "json" };
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import { startSimulator } from "../../src/simulator/server.ts";
import type { Simulator } from "../../src/simulator/simulator.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/network/free-port.ts";
import { IMAGE_NODE_OPTIONS } from "../support/worker/image-command.ts";
import { type PrivateRabbitMq, startRabbitMq } from "../support/rabbitmq/rabbitmq.ts";
import { type PrivateRedis, startRedis } from "../support/redis/redis.ts";

/*
 * The last part of scripts/check-image.sh: `--engine docker|podman --image NAME`, or `--tree FOLDER` where no image
 * could be built. Starts what was built as Kubernetes would (read-only, no capabilities, secrets as files), has it
 * reinstall one simulated server, and ends it with SIGTERM.
 */

const { values: given } = parseArgs({
  options: {
    engine: { type: "string", default: "" },
    image: { type: "string", default: "" },
    tree: { type: "string" },
    // Where another user may not read the tree.
    "as-me": { type: "boolean", default: false },
  },
});
const { engine, image, tree } = given;

interface Services {
  readonly rabbitMq: PrivateRabbitMq;
  readonly redis: PrivateRedis;
  readonly simulator: Simulator;
  /** Folder with the secrets' files. */
  readonly secrets: string;
}

/** A started worker, whatever it runs in. */
interface Started {
  /** Asks it to end; answers its exit code. May be repeated. */
  terminate(): Promise<number>;
  log(): Promise<string>;
}

type Environment = Readonly<Record<string, string>>;

const ACCESS_KEY = "ak-of-the-check";
const SECRET_KEY = "sk-that-must-not-be-seen";
const SECRETS_INSIDE = "/run/secrets/ecs-reinstall-worker";
const CONTAINER = `ecs-check-image-${process.pid}`;
/** What the chart's security context asks for. */
const HARDENED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"];
const LABELS = ["title", "description", "licenses", "version", "revision", "created"];
const EXIT_CONFIG = 78;
/** How the worker logs a warning of Node's: something that is deprecated, a leak. */
const NODE_WARNS = '"msg":"node warns"';

const run = promisify(execFile);
const say = (text: string) => process.stdout.write(`check-image: ${text}\n`);
const ms = (value: number) => `${Math.round(value)} ms`;

async function main(): Promise<void> {
  if (tree === undefined) {
    await looksRight();
    await holdsNothingElse();
    await refusesNoConfiguration();
  }
  const [rabbitMq, redis] = await Promise.all([startRabbitMq(), startRedis()]);
  const simulator = await startSimulator({
    jobDurationMs: 500,
    credentials: [{ accessKey: ACCESS_KEY, secretKey: SECRET_KEY }],
  });
  const secrets = await mkdtemp(join(tmpdir(), "ecs-image-secrets-"));
  try {
    await works({ rabbitMq, redis, simulator, secrets });
  } finally {
    await rm(secrets, { recursive: true, force: true });
    await Promise.all([rabbitMq.stop(), redis.stop(), simulator.close()]);
  }
}

/** Starts it, has one server reinstalled, ends it. */
async function works(services: Services): Promise<void> {
  const port = await freePort();
  const environment = await environmentFor(services, port);
  const web = `http://127.0.0.1:${port}`;
  const beganMs = performance.now();
  const worker =
    tree === undefined
      ? await startContainer(environment, services.secrets)
      : startTree(tree, environment);
  try {
    await answers(`${web}/livez`);
    const aliveMs = performance.now() - beganMs;
    await answers(`${web}/readyz`);
    say(`alive ${ms(aliveMs)} and ready ${ms(performance.now() - beganMs)} after the start`);
    await helmTestPasses(services, web);
    await reinstallsOneServer(services, web);
    const askedMs = performance.now();
    const code = await worker.terminate();
    say(`SIGTERM: exit code ${code} after ${ms(performance.now() - askedMs)}`);
    if (code !== 0) throw new Error(`exit code ${code} after SIGTERM`);
    const log = await worker.log();
    if (log.includes(SECRET_KEY)) throw new Error("the log tells a secret");
    if (log.includes(NODE_WARNS)) throw new Error("Node.js warns, see the log");
  } catch (error) {
    process.stderr.write(await worker.log());
    throw error;
  } finally {
    await worker.terminate().catch(() => undefined);
    if (tree === undefined) await run(engine, ["rm", "-f", CONTAINER]).catch(() => undefined);
  }
}

/** The settings, with secrets in files as the chart mounts them. */
async function environmentFor(
  { rabbitMq, redis, simulator, secrets }: Services,
  port: number,
): Promise<Environment> {
  await chmod(secrets, 0o755);
  const files = { url: rabbitMq.url, "access-key": ACCESS_KEY, "secret-key": `${SECRET_KEY}\n` };
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(secrets, name), content, { mode: 0o444 });
  }
  const folder = tree === undefined ? SECRETS_INSIDE : secrets;
  return {
    HTTP_PORT: `${port}`,
    HTTP_HOST: "127.0.0.1",
    AMQP_URL_FILE: `${folder}/url`,
    REDIS_URL: redis.url,
    ECS_ENDPOINT: simulator.url,
    IAM_ENDPOINT: simulator.url,
    ECS_PROJECTS: DEFAULT_PROJECT_ID,
    ECS_ACCESS_KEY_FILE: `${folder}/access-key`,
    ECS_SECRET_KEY_FILE: `${folder}/secret-key`,
  };
}

async function answers(url: string): Promise<void> {
  await eventually(async () => (await fetch(url)).ok, {
    what: url,
    timeoutMs: 30_000,
    intervalMs: 10,
  });
}

/** What `helm test` runs in a pod of its own. */
async function helmTestPasses({ rabbitMq }: Services, web: string): Promise<void> {
  const script = join(import.meta.dirname, "../../helm/ecs-reinstall-worker/files/test.mjs");
  const args = ["--input-type=module", "--eval", await readFile(script, "utf8")];
  const settings = {
    WORKER: web,
    READY_TIMEOUT_SECONDS: "10",
    DRY_RUN: "true",
    AMQP_URL: rabbitMq.url,
    ...(tree !== undefined && { PROGRAM: join(tree, "dist/cli/ecs-reinstall.js") }),
  };
  if (tree === undefined) {
    const env = Object.entries(settings).map(([name, value]) => `--env=${name}=${value}`);
    const pod = ["run", "--rm", "--network=host", ...HARDENED, ...env, "--entrypoint=node", image];
    await run(engine, [...pod, ...args]);
  } else {
    await run(process.execPath, args, { env: { ...process.env, ...settings } });
  }
  say("the chart's own test passes");
}

async function reinstallsOneServer({ rabbitMq, simulator }: Services, web: string): Promise<void> {
  const server = simulator.addServer({ state: "SHUTOFF" });
  const disk = server.systemDiskId;
  const sentMs = performance.now();
  const outcome = await outcomeOf(rabbitMq.url, server.id);
  if (outcome !== "succeeded" || server.systemDiskId === disk) {
    throw new Error(`the command ended as ${outcome}`);
  }
  const page = await (await fetch(`${web}/metrics`)).text();
  const bytes = Number(/^process_resident_memory_bytes (\S+)/m.exec(page)?.[1]);
  say(
    `a reinstall went through in ${ms(performance.now() - sentMs)}, with ${Math.round(bytes / 1e6)} MB in use`,
  );
}

/** Sends one command and answers the name of its final event. */
async function outcomeOf(amqpUrl: string, serverId: string): Promise<string> {
  const connection = await connect(amqpUrl);
  try {
    const channel = await connection.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, "ecs.reinstall.events", "#");
    const goesOn = ["accepted", "waiting", "stopping", "submitted", "progress", "joined"];
    let final: string | undefined;
    await channel.consume(
      queue,
      (message) => {
        const event = message?.fields.routingKey.split(".").at(-1) ?? "";
        if (!goesOn.includes(event)) final = event;
      },
      { noAck: true },
    );
    const command = {
      command_id: "check-image",
      server_id: serverId,
      "os-reinstall": { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" },
    };
    channel.publish("ecs.reinstall.commands", "reinstall", Buffer.from(JSON.stringify(command)), {
      contentType: "application/json",
      persistent: true,
    });
    return await eventually(() => final ?? false, { what: "a final event", timeoutMs: 60_000 });
  } finally {
    await connection.close();
  }
}

async function startContainer(environment: Environment, secrets: string): Promise<Started> {
  // Podman would put writable folders of its own over /tmp and /run.
  const reallyReadOnly = engine === "podman" ? ["--read-only-tmpfs=false"] : [];
  const settings = Object.entries(environment).map(([name, value]) => `--env=${name}=${value}`);
  const place = ["--detach", `--name=${CONTAINER}`, "--network=host", "--no-healthcheck"];
  const volume = `--volume=${secrets}:${SECRETS_INSIDE}:ro`;
  await run(engine, ["run", ...place, ...HARDENED, ...reallyReadOnly, volume, ...settings, image]);
  let code: number | undefined;
  return {
    async terminate() {
      if (code !== undefined) return code;
      await run(engine, ["stop", "--time=35", CONTAINER]);
      const { stdout } = await run(engine, ["inspect", "--format={{.State.ExitCode}}", CONTAINER]);
      code = Number(stdout);
      return code;
    },
    async log() {
      const { stdout, stderr } = await run(engine, ["logs", CONTAINER], { maxBuffer: 64e6 });
      return stdout + stderr;
    },
  };
}

/** As another user where that is possible: root could write what nobody should. */
function startTree(folder: string, environment: Environment): Started {
  const user = process.getuid?.() === 0 && !given["as-me"] ? { uid: 1000, gid: 1000 } : {};
  const args = [...IMAGE_NODE_OPTIONS, resolve(folder, "dist/main.js")];
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: "/",
    env: { ...environment, NODE_ENV: "production", PATH: process.env["PATH"] },
    stdio: ["ignore", "pipe", "pipe"],
    ...user,
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (part) => {
      log += String(part);
    });
  }
  const ended = new Promise<number>((resolve) => {
    child.once("exit", (code) => resolve(code ?? -1));
  });
  return {
    terminate() {
      child.kill("SIGTERM");
      return ended;
    },
    log: async () => log,
  };
}

interface ImageConfig {
  readonly User?: string;
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly StopSignal?: string;
  readonly Env?: readonly string[];
  readonly Labels?: Readonly<Record<string, string>>;
}

/** The image's own settings. */
async function looksRight(): Promise<void> {
  const { stdout } = await run(engine, ["image", "inspect", image]);
  const [{ Config: config }] = JSON.parse(stdout) as [{ Config: ImageConfig }];
  const { User: user, Entrypoint: entrypoint = [], Cmd: cmd = [], StopSignal: signal } = config;
  const missing = LABELS.filter((name) => !config.Labels?.[`org.opencontainers.image.${name}`]);
  const telling = (config.Env ?? []).filter((one) => /PASSWORD|SECRET|TOKEN|_KEY|npm/i.test(one));
  demand(user === "1000:1000", `the user is ${user}`);
  demand(entrypoint.join(" ") === "node", `the entry point is ${entrypoint.join(" ")}`);
  demand(
    cmd.join(" ") === [...IMAGE_NODE_OPTIONS, "/app/dist/main.js"].join(" "),
    `the command is ${cmd.join(" ")}`,
  );
  demand(signal === "SIGTERM", `the stop signal is ${signal}`);
  demand(missing.length === 0, `no label ${missing.join(", ")}`);
  demand(telling.length === 0, `the environment has ${telling.join(", ")}`);
  say(`settings: user ${user}, command ${[...entrypoint, ...cmd].join(" ")}`);
}

interface Seen {
  readonly top: readonly string[];
  readonly packages: readonly string[];
  readonly odd: readonly string[];
  readonly writable: readonly string[];
  readonly managers: readonly string[];
  readonly uid: number;
  readonly node: string;
}

/** Run inside the image, as the user it runs as. */
const LOOK_AROUND = String.raw`
  const fs = require("node:fs"), path = require("node:path");
  const files = fs.readdirSync("/app", { recursive: true });
  const can = (file) => { try { fs.accessSync(file, fs.constants.W_OK); return true; } catch { return false; } };
  console.log(JSON.stringify({
    top: fs.readdirSync("/app").sort(),
    packages: fs.readdirSync("/app/node_modules"),
    odd: files.filter((f) => /\.(map|pem|key|d\.[cm]?ts)$|(^|\/)\.env|(^|\/)\.npmrc$|^config\/local/.test(f)),
    writable: ["/app", ...files.map((f) => path.join("/app", f))].filter(can),
    managers: ["npm", "npx", "yarn", "corepack"].filter((f) => fs.existsSync("/usr/local/bin/" + f)),
    uid: process.getuid(), node: process.version,
  }));`;

async function holdsNothingElse(): Promise<void> {
  const args = ["run", "--rm", "--network=none", "--entrypoint=node", image, "-e", LOOK_AROUND];
  const { stdout } = await run(engine, args, { maxBuffer: 64e6 });
  const seen = JSON.parse(stdout) as Seen;
  const development = Object.keys(manifest.devDependencies).filter((one) =>
    seen.packages.includes(one),
  );
  demand(seen.uid === 1000, `it runs as ${seen.uid}`);
  demand(
    seen.top.join() === "config,dist,node_modules,package.json",
    `/app has ${seen.top.join()}`,
  );
  demand(development.length === 0, `it has ${development.join()}`);
  demand(seen.odd.length === 0, `it has ${seen.odd.join()}`);
  demand(seen.writable.length === 0, `the worker may write ${seen.writable.slice(0, 5).join()}`);
  demand(seen.managers.length === 0, `it has ${seen.managers.join()}`);
  say(`content: Node.js ${seen.node}, ${seen.packages.length} packages, nothing writable`);
}

/** Exit code 78 with every problem, before anything connects; and the command line is there. */
async function refusesNoConfiguration(): Promise<void> {
  const args = ["run", "--rm", "--network=none", ...HARDENED];
  const failure = await run(engine, [...args, image]).then(
    () => undefined,
    (error: { code?: number; stderr?: string }) => error,
  );
  const { code, stderr = "" } = failure ?? {};
  demand(code === EXIT_CONFIG && stderr.includes("ECS_PROJECTS"), `exit code ${code}: ${stderr}`);
  const { stdout } = await run(engine, [...args, "--entrypoint=ecs-reinstall", image, "--version"]);
  say(`without configuration: exit code ${code}; ecs-reinstall --version says ${stdout.trim()}`);
}

function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`the image is not as it should be: ${otherwise}`);
}

await main();
