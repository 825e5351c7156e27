import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import {
  DEFAULT_ACCESS_KEY,
  DEFAULT_IAM_DOMAIN,
  DEFAULT_IAM_PASSWORD,
  DEFAULT_IAM_USER,
  DEFAULT_PROJECT_ID,
  DEFAULT_PROJECT_NAME,
  DEFAULT_SECRET_KEY,
} from "../../simulator/defaults.ts";
import { reinstallView, type SimulatorOptions } from "../../simulator/options.ts";
import { startSimulator } from "../../simulator/server.ts";
import type { Simulator } from "../../simulator/simulator.ts";
import type { CliIo } from "../io.ts";

/** `ecs-reinstall simulate`: the simulated cloud as a program of its own, until SIGINT, SIGTERM or SIGHUP. */
export function simulateCommand(io: Pick<CliIo, "out">): Command {
  return new Command("simulate")
    .description("run a simulated cloud (ECS, IAM, images) with an admin API under /_sim/")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--port <number>", "port to listen on, 0 takes a free one", integer(0, 65_535), 0)
    .option("--servers <number>", "servers to begin with", integer(0, 100_000), 12)
    .addOption(
      new Option("--state <status>", "state of these servers")
        .choices(["ACTIVE", "SHUTOFF"])
        .default("ACTIVE"),
    )
    .option("--project <id>", "project id", DEFAULT_PROJECT_ID)
    .option("--ak <key>", "access key", DEFAULT_ACCESS_KEY)
    .option("--sk <key>", "secret key", DEFAULT_SECRET_KEY)
    .option("--job-duration-ms <ms>", "how long a reinstall takes", integer(), 45_000)
    .option("--stop-duration-ms <ms>", "how long a stop takes", integer(), 4_000)
    .option("--start-duration-ms <ms>", "how long a start takes", integer(), 4_000)
    .option("--job-retention-ms <ms>", "life of a finished job", integer(), 86_400_000)
    .option("--signature-window-ms <ms>", "greatest age of a signature", integer(), 900_000)
    .option("--token-lifetime-ms <ms>", "life of an IAM token", integer(), 86_400_000)
    .option("--clock-skew-ms <ms>", "how far its clock is ahead", integer(-Infinity), 0)
    .addOption(
      new Option("--view <view>", "how a server looks while it is reinstalled")
        .choices(reinstallView.options)
        .default("task"),
    )
    .addOption(
      new Option("--ends-as <status>", "power state after a reinstall")
        .choices(["ACTIVE", "SHUTOFF"])
        .default("ACTIVE"),
    )
    .option("--tls-key <file>", "PEM file; with --tls-cert the simulator speaks HTTPS", textOf)
    .option("--tls-cert <file>", "PEM file", textOf)
    .option("--json", "say where it is in one line of JSON", false)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : WRONG_USAGE))
    .action((flags: unknown, command: Command) => run(flags, command, io));
}

const WRONG_USAGE = 2;

const flagsSchema = z.object({
  host: z.string(),
  port: z.number(),
  servers: z.number(),
  state: z.enum(["ACTIVE", "SHUTOFF"]),
  project: z.string(),
  ak: z.string(),
  sk: z.string(),
  jobDurationMs: z.number(),
  stopDurationMs: z.number(),
  startDurationMs: z.number(),
  jobRetentionMs: z.number(),
  signatureWindowMs: z.number(),
  tokenLifetimeMs: z.number(),
  clockSkewMs: z.number(),
  view: reinstallView,
  endsAs: z.enum(["ACTIVE", "SHUTOFF"]),
  tlsKey: z.string().optional(),
  tlsCert: z.string().optional(),
  json: z.boolean(),
});
type Flags = z.infer<typeof flagsSchema>;

async function run(given: unknown, command: Command, io: Pick<CliIo, "out">): Promise<void> {
  const flags = flagsSchema.parse(given);
  const options = simulatorOptions(flags);
  if (options === undefined) {
    command.error("error: options '--tls-key' and '--tls-cert' go together");
    return;
  }
  let simulator: Simulator;
  try {
    simulator = await startSimulator(options);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    command.error(`error: cannot listen with '--host ${flags.host} --port ${flags.port}': ${why}`);
    return;
  }
  for (let i = 0; i < flags.servers; i += 1) simulator.addServer({ state: flags.state });
  // Before the first line: whoever has read it may send a signal.
  const signalled = new Promise((resolve) => {
    process.once("SIGINT", resolve);
    process.once("SIGTERM", resolve);
    process.once("SIGHUP", resolve);
  });
  io.out(flags.json ? jsonLine(simulator, flags) : plainLines(simulator, flags));
  await signalled;
  await simulator.close();
}

function simulatorOptions(flags: Flags): SimulatorOptions | undefined {
  const {
    project,
    ak,
    sk,
    view,
    tlsKey,
    tlsCert,
    servers: _,
    state: __,
    json: ___,
    ...rest
  } = flags;
  if ((tlsKey === undefined) !== (tlsCert === undefined)) return undefined;
  return {
    ...rest,
    projects: [{ id: project, name: DEFAULT_PROJECT_NAME }],
    credentials: [{ accessKey: ak, secretKey: sk }],
    reinstallView: view,
    ...(tlsKey !== undefined && tlsCert !== undefined && { tls: { key: tlsKey, cert: tlsCert } }),
  };
}

/** The worker's environment for this simulator. Its secrets open nothing else. */
function environment({ url }: Simulator, flags: Flags): Record<string, string> {
  return {
    ECS_ENDPOINT: url,
    IAM_ENDPOINT: url,
    ECS_REGION: DEFAULT_PROJECT_NAME,
    ECS_PROJECTS: flags.project,
    ECS_ACCESS_KEY: flags.ak,
    ECS_SECRET_KEY: flags.sk,
  };
}

function jsonLine(simulator: Simulator, flags: Flags): string {
  const servers = simulator.servers().map((server) => server.id);
  const env = environment(simulator, flags);
  return `${JSON.stringify({ url: simulator.url, admin: `${simulator.url}/_sim`, env, servers })}\n`;
}

function plainLines(simulator: Simulator, flags: Flags): string {
  const env = Object.entries(environment(simulator, flags)).map(
    ([name, value]) => `${name}=${value}`,
  );
  return [
    `simulated cloud: ${simulator.url} (admin: ${simulator.url}/_sim/health)`,
    `token login: IAM_USERNAME=${DEFAULT_IAM_USER} IAM_PASSWORD=${DEFAULT_IAM_PASSWORD} IAM_DOMAIN=${DEFAULT_IAM_DOMAIN}`,
    "",
    ...env,
    "",
    ...simulator.servers().map((server) => `server ${server.id} ${server.status}`),
    "",
  ].join("\n");
}

function integer(min = 0, max = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      const range = Number.isFinite(min) ? `from ${min} to ${max}` : "";
      throw new InvalidArgumentError(`It must be a whole number ${range}`.trim());
    }
    return value;
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new InvalidArgumentError("The file cannot be read.");
  }
}
