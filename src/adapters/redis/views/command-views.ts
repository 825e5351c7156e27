import { Brake } from "../../../contract/brakes.ts";
import type { CommandViews } from "../../../contract/http.ts";
import type { Found } from "../../../contract/found.ts";
import { type CommandId, ProjectId, ServerId } from "../../../contract/ids.ts";
import type {
  BrakeSaid,
  CommandDetail,
  CommandStory,
  ServerDetail,
} from "../../../contract/overview.ts";
import { type BrakeVerdict, describeVerdict } from "../../../core/brakes/hold.ts";
import { Order } from "../../../core/state/order.ts";
import { notBeforeSays } from "../../../core/brakes/not-before.ts";
import { type PhaseTraits, traitsOf } from "../../../core/state/phases.ts";
import type { RedisClient } from "../connection/client.ts";
import { readEvidence } from "./command-evidence.ts";
import { readDetail } from "./command-record.ts";
import { keysOf } from "../keys.ts";
import { verdictsOf } from "../scripts/operator/verdicts.ts";
import type { StoreContext } from "../scripts/shared/store-context.ts";
import { imaginedOrder, readHistory, readLock, readWaiters } from "./server-record.ts";
import { lastWordOn } from "./step-notes.ts";
import { storedJson } from "../stored/stored-json.ts";

export interface CommandViewsDeps extends Pick<StoreContext, "scripts" | "rules" | "clock"> {
  readonly redis: RedisClient;
  readonly projects: readonly ProjectId[];
}

/** Read-only looks into the store, for people (contract §5). */
export function createCommandViews(deps: CommandViewsDeps): CommandViews {
  const { redis, projects } = deps;
  async function storiesOf(id: CommandId): Promise<readonly CommandStory[]> {
    const found = await Promise.all(projects.map((one) => readDetail(redis, one, id)));
    const commands = found
      .filter((one) => one !== null)
      .sort((a, b) => b.updatedAtMs - a.updatedAtMs);
    return Promise.all(commands.map((one) => story(deps, one)));
  }

  return {
    commandById: (id) => guarded(async () => foundAny(await storiesOf(id))),
    evidenceById: (id) =>
      guarded(async () => {
        const read = (await storiesOf(id)).map((one) =>
          readEvidence(redis, ProjectId.parse(one.command.projectId), one),
        );
        return foundAny(await Promise.all(read));
      }),
    serverStatus: (project, server) =>
      guarded(async () =>
        projects.includes(project)
          ? { kind: "found", view: await readServer(deps, project, server) }
          : { kind: "absent" },
      ),
  };
}

function foundAny<View>(view: readonly View[]): Found<readonly View[]> {
  return view.length === 0 ? { kind: "absent" } : { kind: "found", view };
}

async function story(deps: CommandViewsDeps, command: CommandDetail): Promise<CommandStory> {
  const { redis } = deps;
  const project = deps.projects.find((one) => one === command.projectId);
  const server = ServerId.safeParse(command.serverId);
  if (project === undefined || !server.success) {
    return { command, lastWord: null, brakes: null, server: null };
  }
  const key = keysOf(project).command(command.commandId);
  const { waitsFor } = command;
  // Of a brake there is what it says now.
  const isSaid = waitsFor !== null && !Brake.safeParse(waitsFor).success;
  const text = command.outcome === null ? await redis.hget(key, "order") : null;
  const order = storedJson(Order).safeParse(text);
  const gate = traitsOf(command.phase)?.gate ?? "admission";
  return {
    command,
    lastWord: isSaid ? await lastWordOn(redis, key, waitsFor) : null,
    brakes: order.success ? said(await everyVerdict(deps, order.data, gate), project) : null,
    server: await readServer(deps, project, server.data),
  };
}

/** The store is asked for all but one: a command's own `not_before` is no matter of the store's. */
async function everyVerdict(
  deps: CommandViewsDeps,
  order: Order,
  gate: PhaseTraits["gate"],
): Promise<readonly BrakeVerdict[] | null> {
  const verdicts = await verdictsOf(deps, order, gate);
  const own = gate === "admission" ? order : {};
  return verdicts && [...verdicts, notBeforeSays(own, deps.clock.nowMs())];
}

async function readServer(
  deps: CommandViewsDeps,
  project: ProjectId,
  server: ServerId,
): Promise<ServerDetail> {
  const { redis } = deps;
  const [lock, waiting, history, verdicts] = await Promise.all([
    readLock(redis, project, server),
    readWaiters(redis, project, server),
    readHistory(redis, project, server),
    everyVerdict(deps, imaginedOrder(project, server, deps.clock.nowMs()), "admission"),
  ]);
  return { lock, waiting, history, brakes: said(verdicts, project) };
}

function said(
  verdicts: readonly BrakeVerdict[] | null,
  project: ProjectId,
): readonly BrakeSaid[] | null {
  return (
    verdicts?.map((one) => ({
      brake: one.brake,
      verdict: one.verdict,
      detail: describeVerdict(one, project),
      scope: ("scope" in one ? one.scope : null) ?? null,
      untilMs: ("untilMs" in one ? one.untilMs : null) ?? null,
    })) ?? null
  );
}

async function guarded<View>(look: () => Promise<Found<View>>): Promise<Found<View>> {
  try {
    return await look();
  } catch {
    // Whatever Redis says, a person is answered that nothing can be said now; readiness has the reason.
    return { kind: "unavailable" };
  }
}
