import type { CommandDetail } from "../../../contract/overview.ts";
import { span } from "../../../core/times-in-words.ts";
import { traitsOf } from "../../../core/state/phases.ts";
import type { Board, StoreBoard } from "./board.ts";
import { Emitter } from "./emitter.tsx";
import { medianOf, reinstallMs } from "./final-data.ts";
import { LastEnds } from "./last-ends.tsx";
import { Frame } from "./layout.tsx";
import { Limits } from "./limits.tsx";
import { NeedItem, needsOf } from "./needs.tsx";
import { Meter } from "./pictures.tsx";
import { Ago, CommandLink, Nothing, Section, ServerLink } from "./pieces.tsx";
import { Waiting } from "./waiting.tsx";

export interface BoardPageProps {
  readonly board: Board;
  readonly refreshSeconds: number | null;
  readonly here: string;
}

/** The first page: what needs a person, what runs, what waits and why, the brakes, the last ends. */
export function BoardPage({ board, refreshSeconds, here }: BoardPageProps) {
  const { nowMs, store, dependencies, project } = board;
  const needs = needsOf(board);
  const title = needs.length === 0 ? "ecs-reinstall" : `(${needs.length}) ecs-reinstall`;
  return (
    <Frame title={title} nowMs={nowMs} refreshSeconds={refreshSeconds} here={here}>
      <h1>Reinstalls</h1>
      <p class="lede">
        {project === null ? (
          "All projects of this worker"
        ) : (
          <>
            Project <code>{project}</code> · <a href="/">all projects</a>
          </>
        )}
      </p>
      <Dependencies of={dependencies} />
      <Sums board={board} needs={needs.length} />
      <Section id="needs" title="Needs a person">
        {needs.length === 0 ? (
          <Nothing>
            Nothing. No server is unresolved, quarantined or left off, no storm stops a project, and
            no message lies in the dead queue.
          </Nothing>
        ) : (
          <ul>
            {needs.map((need) => (
              <NeedItem {...need} />
            ))}
          </ul>
        )}
      </Section>
      {store === null ? (
        <Section id="store" title="Commands and servers">
          <Nothing>
            The store (Redis) does not answer, so nothing can be shown of commands, locks and ends.
            That is not the same as nothing being there: each command is a message, and goes on when
            Redis is back.
          </Nothing>
        </Section>
      ) : (
        <>
          <InWork store={store} nowMs={nowMs} />
          <Waiting store={store} nowMs={nowMs} />
        </>
      )}
      <Limits board={board} />
      {store === null ? null : <LastEnds ended={store.ended} nowMs={nowMs} />}
    </Frame>
  );
}

function Dependencies({ of }: { readonly of: Board["dependencies"] }) {
  return (
    <ul class="deps" aria-label="What the worker needs">
      {of.map(({ name, state }) => (
        <li class={state}>
          {name}: {state}
        </li>
      ))}
    </ul>
  );
}

const DAY_MS = 86_400_000;

function Sums({ board, needs }: { readonly board: Board; readonly needs: number }) {
  const { store, nowMs } = board;
  const waiting = store?.waiting.reduce((sum, { commands }) => sum + commands.length, 0) ?? 0;
  const day = store?.ended.filter(({ updatedAtMs }) => nowMs - updatedAtMs < DAY_MS).length ?? 0;
  // As many as the store keeps: there may have been more.
  const ends = store !== null && day === store.ended.length && day >= 200 ? `${day}+` : day;
  const unknown = "–";
  return (
    <ul class="sums" aria-label="In numbers">
      <li class={needs === 0 ? "" : "needs"}>
        <a href="#needs">
          <b>{needs}</b> <span>need a person</span>
        </a>
      </li>
      <li>
        <a href="#work">
          <b>{store?.inWork.length ?? unknown}</b> <span>in work</span>
        </a>
      </li>
      <li>
        <a href="#waiting">
          <b>
            {store === null
              ? unknown
              : store.waitingIsCut
                ? store.open - store.inWork.length
                : waiting}
          </b>{" "}
          <span>waiting</span>
        </a>
      </li>
      <li>
        <a href="#ends">
          <b>{store === null ? unknown : ends}</b> <span>ended in 24 hours</span>
        </a>
      </li>
    </ul>
  );
}

function InWork({ store, nowMs }: { readonly store: StoreBoard; readonly nowMs: number }) {
  const usualMs = medianOf(store.ended.flatMap((one) => reinstallMs(one) ?? []));
  return (
    <Section
      id="work"
      title="In work"
      note={usualMs === null ? undefined : `a reinstall takes about ${span(usualMs)} here`}
    >
      {store.inWork.length === 0 ? (
        <Nothing>No reinstall is in work: all slots are free.</Nothing>
      ) : (
        <ul class="rows">
          {store.inWork.map((one) => (
            <li>
              <div>
                <ServerLink project={one.projectId} server={one.serverId} />
                <p class="why">
                  <CommandLink id={one.commandId} />
                </p>
              </div>
              <div>
                <p>{WORK[one.phase] ?? traitsOf(one.phase)?.does ?? one.phase}</p>
                <Emitter of={one} />
              </div>
              <Progress of={one} nowMs={nowMs} usualMs={usualMs} />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

/** What a command in work is at, for people. */
const WORK: Readonly<Record<string, string>> = {
  admit: "is being admitted",
  prepare: "the server is being stopped",
  submit: "the request is about to be sent",
  watch: "the cloud reinstalls it",
  reconcile: "nobody answered the request: looking for proof",
  settle: "reinstalled; seen to be well before it is said",
  ready: "reinstalled; asked until it answers",
  // Whether it was reinstalled before that, only its message says.
  restore: "the server is being started again",
};

function Progress({
  of: one,
  nowMs,
  usualMs,
}: {
  readonly of: CommandDetail;
  readonly nowMs: number;
  readonly usualMs: number | null;
}) {
  const fromMs = one.sinceMs ?? one.createdAtMs;
  if (fromMs === null) return <p class="why">since when is not known</p>;
  const elapsed = nowMs - fromMs;
  const isReinstall = one.phase === "watch" && usualMs !== null;
  return (
    <div>
      {isReinstall ? (
        <Meter share={elapsed / usualMs} label={`${span(elapsed)} of about ${span(usualMs)}`} />
      ) : null}
      <p class="why">
        for <Ago ms={fromMs} nowMs={nowMs} />
        {isReinstall ? ` of about ${span(usualMs)}` : ""}
        {one.attempt > 1 ? `, try ${one.attempt}` : ""}
      </p>
    </div>
  );
}
