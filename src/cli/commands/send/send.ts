import { Command, Option } from "commander";
import { loadAmqp } from "../../../config/load.ts";
import { formatProblems } from "../../../config/problem.ts";
import { FINAL_EVENTS, type ProgressEvent } from "../../../contract/event.ts";
import type { BrokerSession } from "../../broker-session.ts";
import { eventLine } from "../../event-line.ts";
import { CliFailure } from "../../failure.ts";
import type { CliIo } from "../../io.ts";
import { EXIT_CONFIG } from "../../../process/exit-codes.ts";
import { untilInterrupted } from "../../interruption.ts";
import { createLiveLine, type LiveLine } from "../../live-line.ts";
import { jsonFile, seconds } from "../../option-values.ts";
import { type BodyFlags, commandFrom, type ReadyCommand } from "./body.ts";
import { type SendField, sendFields } from "./fields.ts";

type SendFlags = BodyFlags & {
  readonly wait?: boolean;
  readonly json?: boolean;
  readonly timeout: number;
  readonly replyTo?: string;
  readonly correlationId?: string;
  readonly userId: boolean;
};

/** `ecs-reinstall send`: publishes one command, and follows it if asked. */
export function sendCommand(io: CliIo): Command {
  const fields = sendFields();
  const command = new Command("send").description("publish a reinstall command to AMQP_URL");
  for (const { option } of fields) command.addOption(option);
  const whole = fields.map(({ option }) => option.attributeName()).filter((name) => name !== "id");
  return command
    .addOption(
      new Option("--file <file>", "the whole command as JSON, instead of the options above")
        .argParser(jsonFile)
        .conflicts(whole),
    )
    .option("--reply-to <queue>", "queue that also gets the final event")
    .option("--correlation-id <text>", "goes with it; else the command id")
    .addOption(
      new Option(
        "--wait",
        "follow the command until it ends: on a terminal in one line that is written again each second, else its events, one a line; exit 0 on succeeded or planned",
      ).conflicts(["replyTo"]),
    )
    .option(
      "--no-user-id",
      "do not say who sends it: for a broker that knows the user under another name (OAuth 2)",
    )
    .option("--timeout <seconds>", "longest wait", seconds, 3600)
    .option("--json", "print events as JSON, one a line")
    .action((flags: SendFlags) => send(flags, fields, io));
}

async function send(flags: SendFlags, fields: readonly SendField[], io: CliIo): Promise<void> {
  const userDataCheck = io.env["USER_DATA_CHECK"] === "lax" ? "lax" : "strict";
  const command = commandFrom(flags, fields, userDataCheck);
  const loaded = loadAmqp(io.env);
  if (loaded.kind === "invalid") {
    io.err(`${formatProblems(loaded.problems)}\n`);
    throw new CliFailure("", EXIT_CONFIG);
  }
  const sending: Sending = { command, flags, io, sent: "no" };
  const words = () => {
    sending.live?.end();
    return interruptedWords(sending);
  };
  await untilInterrupted(io, words, async () => {
    const session = await io.openBroker(loaded.amqp);
    try {
      if (flags.wait === true) return await publishAndWait(session, sending);
      const { replyTo, correlationId } = flags;
      await publish(session, sending, { replyTo, correlationId });
      io.out(`${command.id}\n`);
    } finally {
      await session.close();
    }
  });
}

interface Sending {
  readonly command: ReadyCommand;
  readonly flags: SendFlags;
  readonly io: CliIo;
  /** How far it has come, for whoever interrupts it. */
  sent: "no" | "perhaps" | "yes";
  /** On a terminal, while it is followed. */
  live?: LiveLine;
}

async function publish(
  session: BrokerSession,
  sending: Sending,
  reply: { readonly replyTo?: string | undefined; readonly correlationId?: string | undefined },
): Promise<void> {
  sending.sent = "perhaps";
  await session.publish({ ...sending.command, ...reply, anonymous: !sending.flags.userId });
  sending.sent = "yes";
}

function interruptedWords({ sent, command: { id }, io }: Sending): string {
  const follow = `${io.program} status ${id}`;
  switch (sent) {
    case "no":
      return "interrupted: nothing was sent";
    case "perhaps":
      return `interrupted while it was sent: the broker may have it. Ask: ${follow}; or send it again with --id ${id}, which is sending it once`;
    case "yes":
      return `interrupted: the command goes on. Follow it: ${follow}`;
  }
}

async function publishAndWait(session: BrokerSession, sending: Sending): Promise<void> {
  const { command, io } = sending;
  const { json, timeout } = sending.flags;
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
    const ending = endingOf(event);
    if (ending === null && sending.live !== undefined) return sending.live.show(event);
    sending.live?.end();
    io.out(json === true ? `${JSON.stringify(event)}\n` : `${eventLine(event)}\n`);
    if (ending !== null) end(ending);
  });
  if (json !== true && io.terminal !== undefined) {
    sending.live = createLiveLine(io.terminal, command.id);
  }
  await publish(session, sending, { replyTo }).catch((error: unknown) => {
    sending.live?.end();
    throw error;
  });
  sending.live?.sent();
  if (json !== true && sending.live === undefined) io.out(`${command.id} is queued\n`);
  const later = `it goes on: ${io.program} status ${command.id}`;
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
    sending.live?.end();
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
