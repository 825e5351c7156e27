import { Command, Option } from "commander";
import { loadAmqp } from "../config/load.ts";
import { formatProblems } from "../config/problem.ts";
import { OnBusy } from "../contract/command.ts";
import { FINAL_EVENTS, type ProgressEvent } from "../contract/event.ts";
import { CommandId, ProjectId, ServerId } from "../contract/ids.ts";
import type { BrokerSession } from "./broker-session.ts";
import { eventLine } from "./event-line.ts";
import { CliFailure, type CliIo, EXIT_CONFIG } from "./io.ts";
import { base64File, jsonFile, matching, seconds } from "./option-values.ts";
import { type BodyFlags, commandFrom, type ReadyCommand } from "./send-body.ts";

interface SendFlags extends BodyFlags {
  readonly wait?: boolean;
  readonly json?: boolean;
  readonly timeout: number;
}

/** `ecs-reinstall send`: publishes one command, and follows it if asked. */
export function sendCommand(io: CliIo): Command {
  const whole = ["server", "project", "keyname", "userid", "mode", "userData", "reason", "source"];
  const more = ["onBusy", "dryRun", "expiresAt", "observedAt"];
  return new Command("send")
    .description("publish a reinstall command to AMQP_URL")
    .option("--server <id>", "server to reinstall", matching(ServerId))
    .option("--project <id>", "its project; else the worker's default", matching(ProjectId))
    .option("--keyname <name>", "SSH key pair to log in with")
    .option("--userid <id>", "IAM user that owns the key pair")
    .option("--user-data <file>", "cloud-init payload", base64File)
    .addOption(new Option("--mode <mode>", "as the API takes it").choices(["withStopServer"]))
    .option("--id <id>", "command id: sending it twice is sending it once", matching(CommandId))
    .option("--reason <text>", "why, for people")
    .option("--source <text>", "who asks, for people")
    .addOption(
      new Option("--on-busy <what>", "when another command has the server").choices(OnBusy.options),
    )
    .option("--expires-at <time>", "do not start after this (RFC 3339)")
    .option("--observed-at <time>", "when the fault was seen (RFC 3339)")
    .option("--dry-run", "check everything, change nothing")
    .addOption(
      new Option("--file <file>", "the whole command as JSON, instead of the options above")
        .argParser(jsonFile)
        .conflicts([...whole, ...more]),
    )
    .option("--wait", "print the command's events until it ends: exit 0 on succeeded or planned")
    .option("--timeout <seconds>", "longest wait", seconds, 3600)
    .option("--json", "print events as JSON, one a line")
    .action((flags: SendFlags) => send(flags, io));
}

async function send(flags: SendFlags, io: CliIo): Promise<void> {
  const command = commandFrom(flags);
  const loaded = loadAmqp(io.env);
  if (loaded.kind === "invalid") {
    io.err(`${formatProblems(loaded.problems)}\n`);
    throw new CliFailure("", EXIT_CONFIG);
  }
  const session = await io.openBroker(loaded.amqp);
  try {
    if (flags.wait === true) return await publishAndWait(command, session, flags, io);
    await session.publish(command);
    io.out(`${command.id}\n`);
  } finally {
    await session.close();
  }
}

async function publishAndWait(
  command: ReadyCommand,
  session: BrokerSession,
  { json, timeout }: SendFlags,
  io: CliIo,
): Promise<void> {
  const seen = new Set<string>();
  let end: (ending: Ending) => void = () => undefined;
  const ended = new Promise<Ending>((resolve) => {
    end = resolve;
  });
  const replyTo = await session.follow(command.serverId, (event) => {
    // Of an id that is used already the answer names it apart: to us, for it comes to our own queue.
    const { command_id: about, reused_command_id: reused } = event.data;
    // The final event comes twice: as an event and as a reply.
    if ((about !== command.id && reused !== command.id) || seen.has(event.id)) return;
    seen.add(event.id);
    io.out(json === true ? `${JSON.stringify(event)}\n` : `${eventLine(event)}\n`);
    const ending = endingOf(event);
    if (ending !== null) end(ending);
  });
  await session.publish({ ...command, replyTo });
  if (json !== true) io.out(`${command.id} is queued\n`);
  const later = `it goes on: ecs-reinstall status ${command.id}`;
  const lost = session.lost.catch((error: Error) => {
    throw new CliFailure(`${error.message}; ${later}`);
  });
  const late = cancellable(timeout, () => end("late"));
  try {
    const ending = await Promise.race([ended, lost]);
    if (ending === "late") throw new CliFailure(`no end within ${timeout} s (--timeout); ${later}`);
    // The last event has said why.
    if (ending === "not-done") throw new CliFailure("");
  } finally {
    late.cancel();
  }
}

type Ending = "done" | "not-done" | "late";

/** Null: more events follow. A duplicate of a command that is still open ends with the original. */
function endingOf({ data }: ProgressEvent): Ending | null {
  const { event } = data;
  if (event === "duplicate") {
    const { outcome } = (data["original"] ?? {}) as { outcome?: unknown };
    return typeof outcome === "string" ? (isDone(outcome) ? "done" : "not-done") : null;
  }
  const final = (FINAL_EVENTS as readonly string[]).includes(event);
  return final ? (isDone(event) ? "done" : "not-done") : null;
}

function isDone(outcome: string): boolean {
  return outcome === "succeeded" || outcome === "planned";
}

function cancellable(timeoutSeconds: number, onTime: () => void) {
  const timer = setTimeout(onTime, timeoutSeconds * 1000);
  return { cancel: () => clearTimeout(timer) };
}
