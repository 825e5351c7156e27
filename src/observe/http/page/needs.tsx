import type { Child } from "hono/jsx";
import type { BrakeSaid } from "../../../contract/overview.ts";
import { advice, type Advised } from "../../../core/explain/advice.ts";
import { runbookOf } from "../../../core/explain/trouble.ts";
import { mayWork } from "../../health.ts";
import type { Board } from "./board.ts";
import { saidAtEnd } from "./final-data.ts";
import { Ago, CommandLink, Said, ServerLink, WithCommandLine } from "./pieces.tsx";

/** One thing that nobody but a person can settle. */
interface Need {
  readonly key: string;
  /** `wait`: it holds commands, and may be meant. */
  readonly tone: "bad" | "hold";
  readonly title: Child;
  readonly body: Child;
}

/** So many of one kind are shown, the oldest; the rest is counted. */
const MOST = 8;
const DAY_MS = 86_400_000;

/** Everything that needs a person, the most urgent kind first. */
export function needsOf(board: Board): readonly Need[] {
  return [
    ...broken(board),
    ...unresolved(board),
    ...storms(board),
    ...leftOff(board),
    ...notStarted(board),
    ...quarantined(board),
    ...deadLetters(board),
    ...oldPauses(board),
  ];
}

export function NeedItem({ tone, title, body }: Need) {
  return (
    <li class={tone === "hold" ? "need hold" : "need"}>
      <h3>{title}</h3>
      {body}
    </li>
  );
}

function broken({ dependencies, hangs, nowMs, store }: Board): readonly Need[] {
  const away = dependencies
    .filter((one) => !mayWork(one) || one.page !== undefined)
    .map(
      ({ name, state, sinceMs, detail, page }): Need => ({
        key: `dependency ${name}`,
        tone: "bad",
        title: `${name} is ${state}`,
        body: (
          <p>
            For <Ago ms={sinceMs} nowMs={nowMs} />. {detail === null ? "" : <Said text={detail} />}
            {name === "redis" && store === null
              ? " Nothing can be said of commands and servers until it answers; the worker goes on by itself then."
              : ""}
            {page === undefined && ` See ${runbookOf({ name, detail })}.`}
          </p>
        ),
      }),
    );
  if (hangs === null) return away;
  const body = (
    <p>{`${hangs}. The liveness probe restarts this worker; another one takes the step over.`}</p>
  );
  return [...away, { key: "hangs", tone: "bad", title: "A step hangs in this worker", body }];
}

function unresolved({ store, nowMs }: Board): readonly Need[] {
  const locks = store?.unresolved ?? [];
  const shown = locks.slice(0, MOST).map((lock): Need => {
    const { projectId: project, serverId: server, owner, sinceMs } = lock;
    return {
      key: `unresolved ${project} ${server}`,
      tone: "bad",
      title: (
        <>
          Unresolved: <ServerLink project={project} server={server} />
        </>
      ),
      body: (
        <>
          <p>
            Nobody knows whether command <CommandLink id={owner} /> has reinstalled it. The server
            has been locked for <Ago ms={sinceMs} nowMs={nowMs} />; the worker looks further until
            the cloud proves it.
          </p>
          <Advice about={{ project, server, lock, brakes: [], command: null, waiters: 0 }} />
        </>
      ),
    };
  });
  return withRest(shown, locks.length, "unresolved servers: ecs-reinstall list unresolved");
}

function storms({ holding, nowMs }: Board): readonly Need[] {
  return holding
    .filter(({ brake }) => brake.startsWith("storm-"))
    .map(({ brake, projectId: project, sinceMs, reason }) => ({
      key: `${brake} ${project}`,
      tone: "bad" as const,
      title:
        brake === "storm-failures"
          ? `Too many reinstalls failed: project ${project} is stopped`
          : `Too many servers are asked for: project ${project} is slowed down`,
      body: (
        <>
          <p>
            For <Ago ms={sinceMs} nowMs={nowMs} />
            {reason === null ? (
              "."
            ) : (
              <>
                : <Said text={reason} />.
              </>
            )}
          </p>
          <Advice about={lifted(project, null, brake)} />
        </>
      ),
    }));
}

function leftOff({ store, nowMs }: Board): readonly Need[] {
  const all = store?.leftOff ?? [];
  const shown = all.slice(0, MOST).map(
    (one): Need => ({
      key: `off ${one.projectId} ${one.commandId}`,
      tone: "bad",
      title: (
        <>
          Left off: <ServerLink project={one.projectId} server={one.serverId} />
        </>
      ),
      body: (
        <p>
          It ran before command <CommandLink id={one.commandId} />, which ended {one.outcome}{" "}
          <Ago ms={one.updatedAtMs} nowMs={nowMs} /> ago, and was not seen running after it. Start
          it in the console once you know why. <Why text={saidAtEnd(one)} />
        </p>
      ),
    }),
  );
  return withRest(shown, all.length, "servers that were left off in the last day");
}

/** It may be a moment's: the cloud is asked again, and mostly that does it. */
const SOON_MS = 60_000;

/** Servers that are off, while something keeps the worker from starting them: a right that is missing, for example. */
function notStarted({ store, nowMs }: Board): readonly Need[] {
  const all = (store?.inWork ?? []).filter(
    ({ phase, waitsFor, sinceMs }) =>
      phase === "restore" && waitsFor !== null && sinceMs !== null && nowMs - sinceMs > SOON_MS,
  );
  const shown = all.slice(0, MOST).map(
    ({ projectId, serverId, commandId, sinceMs }): Need => ({
      key: `not started ${projectId} ${commandId}`,
      tone: "bad",
      title: (
        <>
          Off, and cannot be started: <ServerLink project={projectId} server={serverId} />
        </>
      ),
      body: (
        <>
          <p>
            The worker has tried for <Ago ms={sinceMs} nowMs={nowMs} />, and goes on until it may,
            or its time is over.
          </p>
          <p>
            <WithCommandLine
              text={`What keeps it, and what you can do: ecs-reinstall explain ${commandId}`}
            />
          </p>
        </>
      ),
    }),
  );
  return withRest(
    shown,
    all.length,
    "servers that cannot be started: ecs-reinstall list --state restore",
  );
}

function quarantined({ store, nowMs }: Board): readonly Need[] {
  const all = store?.quarantined ?? [];
  return all.map((one) => ({
    key: `quarantine ${one.projectId} ${one.serverId}`,
    tone: "bad",
    title: (
      <>
        Quarantined: <ServerLink project={one.projectId} server={one.serverId} />
      </>
    ),
    body: (
      <>
        <p>
          It was reinstalled too often: command <CommandLink id={one.commandId} /> was turned away{" "}
          <Ago ms={one.updatedAtMs} nowMs={nowMs} /> ago.
        </p>
        <Advice about={lifted(one.projectId, one.serverId, "quarantine")} />
      </>
    ),
  }));
}

function deadLetters({ deadLetters: count }: Board): readonly Need[] {
  if (count === null || count === 0) return [];
  return [
    {
      key: "dead",
      tone: "bad",
      title: count === 1 ? "1 message in the dead queue" : `${count} messages in the dead queue`,
      body: (
        <p>
          They could not be understood or carried on; the header <code>x-reason</code> says why, and
          their senders must send again. See docs/runbooks/EcsReinstallDeadLetters.md.
        </p>
      ),
    },
  ];
}

function oldPauses({ holding, nowMs }: Board): readonly Need[] {
  return holding
    .filter(
      ({ brake, sinceMs }) => brake === "pause" && sinceMs !== null && nowMs - sinceMs > DAY_MS,
    )
    .map(({ projectId: project, scope, by, sinceMs, reason }) => ({
      key: `pause ${project} ${scope}`,
      tone: "hold" as const,
      title: `Paused for more than a day: ${scope} of project ${project}`,
      body: (
        <>
          <p>
            By <Said text={by ?? "unknown"} />, for <Ago ms={sinceMs} nowMs={nowMs} />.{" "}
            <Why text={reason} />
          </p>
          <Advice about={lifted(project, null, "pause", scope)} />
        </>
      ),
    }));
}

/** A brake that stands, as the advice is asked about it. */
function lifted(
  project: string,
  server: string | null,
  brake: string,
  scope: string | null = null,
): Advised {
  const said: BrakeSaid = { brake, verdict: "wait", detail: null, scope, untilMs: null };
  return { project, server, lock: null, brakes: [said], command: null, waiters: 0 };
}

function Advice({ about }: { readonly about: Advised }) {
  const lines = advice(about).filter((line) => line.startsWith("- "));
  return (
    <>
      {lines.map((line) => (
        <p>
          <WithCommandLine text={line.slice(2)} />
        </p>
      ))}
    </>
  );
}

function Why({ text }: { readonly text: string | null }) {
  return text === null ? null : <Said text={text} />;
}

function withRest(shown: readonly Need[], all: number, of: string): readonly Need[] {
  if (all <= shown.length) return shown;
  const title = `${all - shown.length} more ${of}`;
  return [...shown, { key: `more ${of}`, tone: "bad", title, body: null }];
}
