import { Command, InvalidArgumentError } from "commander";
import { z } from "zod";
import type { Holder } from "../../adapters/redis/operator-commands.ts";
import { type ProjectId, ServerId } from "../../contract/ids.ts";
import { askWorker, type UrlFlag, urlOption } from "../ask-worker.ts";
import { CliFailure } from "../failure.ts";
import type { CliIo } from "../io.ts";
import { PROJECT, type ProjectFlag, projectOf, withStore } from "../operate.ts";
import { matching } from "../option-values.ts";
import { actOf, type ReasonFlags, withReason } from "../reason.ts";

interface UnlockFlags extends ReasonFlags, ProjectFlag, UrlFlag {
  readonly owner?: string;
  readonly force?: boolean;
}

/** `ecs-reinstall unlock SERVER_ID`: frees what an ended command, or another service, left locked. */
/** It waits for its turn, and for the cloud. */
const LOOK_MS = 30_000;

export function unlockCommand(io: CliIo): Command {
  const command = new Command("unlock")
    .description(
      "free a server that an ended command, or another service, left locked; the cloud is asked first",
    )
    .argument("<server-id>", "the server", matching(ServerId))
    .option("--owner <name>", "only if this one holds it: a command, or another service", ownerName)
    .option(
      "--force",
      "ask neither the cloud nor the clock: you have looked at the server yourself",
    )
    .option(...PROJECT)
    .addOption(urlOption());
  return withReason(command).action((server: string, flags: UnlockFlags) =>
    withStore(io, async ({ operator }) => {
      const project = projectOf(flags, io);
      const id = ServerId.parse(server);
      const holder = await operator.holder(project, id);
      if (holder === null) return `${server} was not locked`;
      const owner = flags.owner ?? holder.owner;
      const isTheirs = owner === holder.owner || owner === holder.shown;
      // Of a command that is on its way the script says so itself.
      if (isTheirs && !holder.isOpen && flags.force !== true)
        await refuseWhileInUse(project, id, holder, flags, io);
      const answer = await operator.unlock(project, { server: id, owner }, actOf(flags));
      switch (answer.kind) {
        case "freed":
          return `${server} is free: ${holder.shown} held it`;
        case "not-locked":
          return `${server} was not locked`;
        case "held-by-another":
          throw new CliFailure(`${server} is held by ${answer.owner}, not by ${owner}`);
        case "still-open":
          throw new CliFailure(
            `${holder.shown} is still on its way: its lock is not for people to free`,
          );
        case "away":
        case "corrupt":
          throw new CliFailure(answer.message);
      }
    }),
  );
}

const Seen = z.object({ seen: z.string(), detail: z.string() });

/** Nobody frees a server on which something runs, or on which something may still begin. */
async function refuseWhileInUse(
  ...[project, server, holder, flags, io]: [ProjectId, ServerId, Holder, UnlockFlags, CliIo]
): Promise<void> {
  const force = "--force frees it all the same";
  if (holder.fencedUntilMs !== null) {
    const until = new Date(holder.fencedUntilMs).toISOString();
    throw new CliFailure(
      `the request of ${holder.shown} may still be carried out until ${until}: wait for that, or look at the server; ${force}`,
    );
  }
  if (holder.youngUntilMs !== null) {
    const until = new Date(holder.youngUntilMs).toISOString();
    throw new CliFailure(
      `the memory of Redis is new: before ${until} it may not know yet what was sent for ${holder.shown}. Wait for that, or look at the server; ${force}`,
    );
  }
  const path = `/v1/servers/${project}/${server}/look`;
  const asked = await askWorker(path, flags, io, LOOK_MS).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new CliFailure(`the cloud could not be asked: ${why}. Look at the server; ${force}`);
  });
  const read = asked.kind === "found" ? Seen.safeParse(asked.body) : undefined;
  if (read?.success !== true) {
    throw new CliFailure(
      `the worker cannot look at ${server}: it is of an older version, or of other projects. Look at the server; ${force}`,
    );
  }
  const { seen, detail } = read.data;
  // A server that is gone has nothing that could run.
  if (seen === "idle" || seen === "absent") return;
  const what =
    seen === "busy"
      ? "something runs on it"
      : "the cloud does not say whether something runs on it";
  throw new CliFailure(
    `${server} stays locked: ${what} (${detail.replaceAll(/\p{C}/gu, "?")}); ${force}`,
  );
}

/** Any name that another service may have given itself, as it stands in the lock or as it is shown. */
function ownerName(text: string): string {
  if (text !== "") return text;
  throw new InvalidArgumentError("It must name who holds the server.");
}
