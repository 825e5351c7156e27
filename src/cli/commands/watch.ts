import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { z } from "zod";
import { CONTRACT_EVENTS } from "../../contract/event-data.ts";
import { ProgressEvent } from "../../contract/event.ts";
import { Group } from "../../contract/command.ts";
import { CommandId, ProjectId, ServerId } from "../../contract/ids.ts";
import { OperatorEvent } from "../../contract/operator-event.ts";
import type { Config } from "../../config/assemble.ts";
import { loadAmqp } from "../../config/load.ts";
import { formatProblems } from "../../config/problem.ts";
import { EXIT_CONFIG } from "../../process/exit-codes.ts";
import { operatorLine, watchLine } from "../event-line.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { untilInterrupted } from "../interruption.ts";
import { matching, oneOf, wholeNumber } from "../option-values.ts";

interface WatchFlags {
  readonly command?: string;
  readonly project?: string;
  readonly server?: string;
  readonly group?: string;
  readonly source?: string;
  readonly event?: readonly string[];
  readonly count?: number;
  readonly json?: boolean;
}

/** What people do by hand, as an event among the others. */
const BY_HAND = "operator";
const NAMES = [...CONTRACT_EVENTS, BY_HAND];

/** `ecs-reinstall watch`: events as they are published, until a signal ends it. */
export function watchCommand(io: CliIo): Command {
  return new Command("watch")
    .description("print events as they are published, one a line, until it is interrupted")
    .argument("[command-id]", "only those of this command", matching(CommandId))
    .option("--project <id>", "only of this project", matching(ProjectId))
    .option("--server <id>", "only about this server", matching(ServerId))
    .option("--group <name>", "only of commands of this group", matching(Group))
    .option("--source <text>", "only of commands of this source")
    .option("--event <name...>", `only these: ${NAMES.join(", ")}`, oneOf(NAMES))
    .option("--count <number>", "end after so many", wholeNumber(1, 1_000_000))
    .option("--json", "print events as JSON, one a line")
    .action((command: string | undefined, flags: WatchFlags) =>
      watch({ ...flags, ...(command === undefined ? {} : { command }) }, io),
    );
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

async function watch(flags: WatchFlags, io: CliIo): Promise<void> {
  const loaded = loadAmqp(io.env);
  if (loaded.kind === "invalid") {
    io.err(`${formatProblems(loaded.problems)}\n`);
    throw new CliFailure("", EXIT_CONFIG);
  }
  await untilInterrupted(
    io,
    () => "",
    () => listenOn(loaded.amqp, flags, io),
  );
}

/** Listens again whenever the connection is lost; what is published meanwhile is missed, and that is said. */
async function listenOn(amqp: Config["amqp"], flags: WatchFlags, io: CliIo): Promise<void> {
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  let enough: () => void = () => undefined;
  const done = new Promise<"done">((resolve) => {
    enough = () => resolve("done");
  });
  const take = (content: unknown) => {
    const line = lineOf(content, flags);
    if (line === null || left <= 0) return;
    io.out(`${line}\n`);
    left -= 1;
    if (left <= 0) enough();
  };
  let lostAtMs: number | null = null;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    let listening = false;
    try {
      const session = await io.openBroker(amqp);
      try {
        await session.listen(keysOf(flags), take);
        listening = true;
        if (lostAtMs !== null) io.err(`${missed(Date.now() - lostAtMs)}\n`);
        lostAtMs = null;
        if ((await Promise.race([done, session.lost])) === "done") return;
      } finally {
        await session.close();
      }
    } catch (error) {
      // A broker that was never there is more often a wrong address than one that starts.
      if (!(error instanceof CliFailure) || (!listening && lostAtMs === null)) throw error;
      if (listening) pauseMs = FIRST_PAUSE_MS;
      if (lostAtMs === null) io.err(`${error.message}; connecting again\n`);
      lostAtMs ??= Date.now();
    }
    await sleep(pauseMs);
  }
}

function missed(forMs: number): string {
  return `connected again: events of the last ${Math.ceil(forMs / 1_000)} s may be missing`;
}

/** Topics of the events exchange: by the parts that a routing key has. */
function keysOf({ project, server, event }: WatchFlags): readonly string[] {
  const about = `${project ?? "*"}.${server ?? "*"}`;
  const named = event?.filter((name) => name !== BY_HAND) ?? ["*"];
  const byHand = event === undefined || event.includes(BY_HAND);
  return [...named.map((name) => `${about}.${name}`), ...(byHand ? [`${BY_HAND}.*`] : [])];
}

const Message = z.union([ProgressEvent, OperatorEvent]);

/** Null: it is none of those that are wanted. */
function lineOf(content: unknown, flags: WatchFlags): string | null {
  const read = Message.safeParse(content);
  if (!read.success) return null;
  const { data } = read.data;
  const wanted =
    fits(flags.command, data.command_id) &&
    fits(flags.project, data.project_id) &&
    fits(flags.server, data.server_id) &&
    fits(flags.group, "group" in data ? data.group : undefined) &&
    fits(flags.source, "source" in data ? data.source : undefined);
  if (!wanted) return null;
  if (flags.json === true) return JSON.stringify(content);
  const event = ProgressEvent.safeParse(content);
  return event.success ? watchLine(event.data) : operatorLine(OperatorEvent.parse(content));
}

function fits(wanted: string | undefined, is: unknown): boolean {
  return wanted === undefined || wanted === is;
}
