import type { CommandEvidence, TakenStep } from "../../../contract/evidence.ts";
import { explainCommand } from "../../../core/explain/explain.ts";
import type { Away } from "../../../core/explain/trouble.ts";
import { span } from "../../../core/times-in-words.ts";
import { recordOf } from "./final-data.ts";
import { Frame, type FrameProps } from "./layout.tsx";
import { endLine, type Line, lineOf } from "./lines.ts";
import { type Stretch, Way } from "./pictures.tsx";
import { Ago, Instant, Nothing, Outcome, Said, Section, Sentences, ServerLink } from "./pieces.tsx";

export interface CommandPageProps extends Omit<FrameProps, "title" | "children"> {
  readonly id: string;
  /** One for each project where the id occurs. */
  readonly found: readonly CommandEvidence[];
  /** What every command needs, and is down. */
  readonly away: readonly Away[];
}

/** One command: why it is where it is, its way to scale and step by step, and what was asked. */
export function CommandPage({ id, found, away, ...frame }: CommandPageProps) {
  return (
    <Frame title={`${id} · ecs-reinstall`} {...frame}>
      {found.map((evidence) => (
        <OneCommand
          evidence={evidence}
          away={away}
          several={found.length > 1}
          nowMs={frame.nowMs}
        />
      ))}
    </Frame>
  );
}

function OneCommand({
  evidence,
  away,
  several,
  nowMs,
}: {
  readonly evidence: CommandEvidence;
  readonly away: readonly Away[];
  readonly several: boolean;
  readonly nowMs: number;
}) {
  const { story, asked } = evidence;
  const { command } = story;
  const lines = linesOf(evidence);
  const key = several ? `-${command.projectId}` : "";
  return (
    <article>
      <h1>{command.commandId}</h1>
      <p class="lede">
        {command.outcome === null ? `phase ${command.phase}` : <Outcome name={command.outcome} />} ·
        server <ServerLink project={command.projectId} server={command.serverId} /> · project{" "}
        <code>{command.projectId}</code>
      </p>
      <Section
        id={`why${key}`}
        title={command.outcome === null ? "Why it is where it is" : "How it ended"}
      >
        <Sentences lines={explainCommand(story, nowMs, away)} />
      </Section>
      <Section
        id={`way${key}`}
        title="Its way"
        note={
          <a href={`/v1/commands/${encodeURIComponent(command.commandId)}?view=evidence`}>
            everything as JSON, for a ticket
          </a>
        }
      >
        <Drawn evidence={evidence} nowMs={nowMs} />
        {lines.length === 0 ? (
          <Nothing>
            No step of it is kept: it was refused on arrival, Redis was emptied since, or an older
            version ran it.
          </Nothing>
        ) : (
          <ol class="steps">
            {lines.map((line, at) => (
              <Step line={line} before={lines[at - 1] ?? null} />
            ))}
          </ol>
        )}
      </Section>
      <Section id={`asked${key}`} title="What was asked">
        <dl class="facts">
          <Fact name="source" text={command.source} />
          <Fact name="reason" text={command.reason} />
          <Fact name="group" text={command.group} />
          <Fact name="if the server is busy" text={asked?.onBusy ?? null} />
          <Fact name="lifts brakes" text={asked === null ? null : asked.override.join(", ")} />
          <Fact name="dry run" text={asked?.dryRun === true ? "yes: nothing is changed" : null} />
          <When name="the fault was seen" ms={asked?.observedAtMs ?? null} />
          <When name="taken up" ms={command.createdAtMs} />
          <When name="not before" ms={command.notBeforeMs} />
          <When name="not started after" ms={command.expiresAtMs} />
        </dl>
      </Section>
      <Switches evidence={evidence} nowMs={nowMs} id={`people${key}`} />
    </article>
  );
}

function Fact({ name, text }: { readonly name: string; readonly text: string | null }) {
  if (text === null || text === "") return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <Said text={text} />
      </dd>
    </>
  );
}

function When({ name, ms }: { readonly name: string; readonly ms: number | null }) {
  if (ms === null) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <Instant ms={ms} /> UTC
      </dd>
    </>
  );
}

function linesOf({ steps, intent, story }: CommandEvidence): readonly Line[] {
  const { finalEvent, settled, updatedAtMs } = story.command;
  const published = steps.flatMap(({ events }) => events.map(lineOf));
  const sent: Line[] =
    intent === null
      ? []
      : [
          {
            atMs: intent.atMs,
            tone: "run",
            title: "The request was recorded, right before it was sent",
            more: `try ${intent.attempt}, system disk ${intent.systemDisk}`,
          },
        ];
  const end = endLine(finalEvent);
  const found = recordOf(settled);
  const later: Line[] =
    typeof found["as"] === "string"
      ? [{ atMs: updatedAtMs, tone: "calm", title: `Settled: ${found["as"]}`, more: null }]
      : [];
  const all = [...published, ...sent].filter(({ atMs }) => Number.isFinite(atMs));
  // The end is the last, whatever two clocks say.
  return [...all.toSorted((a, b) => a.atMs - b.atMs), ...(end === null ? [] : [end]), ...later];
}

function Step({ line, before }: { readonly line: Line; readonly before: Line | null }) {
  const { atMs, tone, title, more } = line;
  const gap = before === null ? 0 : atMs - before.atMs;
  return (
    <li class={tone}>
      <p class="at">
        <Instant ms={atMs} />
        {gap >= 1000 ? (
          <>
            <br />
            {`+ ${span(gap)}`}
          </>
        ) : null}
      </p>
      <div class="what">
        <p>
          <b>
            <Said text={title} />
          </b>
        </p>
        {more === null ? null : (
          <p class="why">
            <Said text={more} />
          </p>
        )}
      </div>
    </li>
  );
}

function Drawn({
  evidence,
  nowMs,
}: {
  readonly evidence: CommandEvidence;
  readonly nowMs: number;
}) {
  const stretches = stretchesOf(evidence, nowMs);
  const first = stretches[0];
  const last = stretches.at(-1);
  if (first === undefined || last === undefined) return null;
  return (
    <>
      <Way stretches={stretches} />
      <p class="axis">
        <span>
          <Instant ms={first.fromMs} />
        </span>
        <span>{span(last.toMs - first.fromMs)} in all</span>
        <span>
          <Instant ms={last.toMs} />
        </span>
      </p>
      <p class="key">
        <span>
          <i class="wait"></i>waits
        </span>
        <span>
          <i class="run"></i>in work
        </span>
        <span>
          <i class="calm"></i>looks for proof
        </span>
      </p>
    </>
  );
}

const TONES: Readonly<Record<string, Stretch["tone"]>> = {
  waiting: "wait",
  joined: "wait",
  admit: "wait",
  reconcile: "calm",
};

/** From one change of the phase to the next; the last goes on until the end, or until now. */
function stretchesOf({ steps, story }: CommandEvidence, nowMs: number): readonly Stretch[] {
  const { outcome, updatedAtMs } = story.command;
  const changes: TakenStep[] = [];
  for (const step of steps) if (changes.at(-1)?.phase !== step.phase) changes.push(step);
  const endMs = outcome === null ? nowMs : updatedAtMs;
  return changes.map(({ phase, atMs }, at) => ({
    name: phase,
    tone: TONES[phase] ?? "run",
    fromMs: atMs,
    toMs: Math.max(atMs, changes[at + 1]?.atMs ?? endMs),
  }));
}

function Switches({
  evidence: { switches, cancelAsked },
  nowMs,
  id,
}: {
  readonly evidence: CommandEvidence;
  readonly nowMs: number;
  readonly id: string;
}) {
  if (switches.length === 0 && !cancelAsked) return null;
  return (
    <Section id={id} title="What people did" note="as far as it is kept">
      <ul class="sentences">
        {cancelAsked ? <li>Somebody asked for its end.</li> : null}
        {switches.map(({ brake, scope, on, by, atMs, reason }) => (
          <li>
            <b>{brake}</b> ({scope}) {on ? "set" : "lifted"} by <Said text={by} />,{" "}
            <Ago ms={atMs} nowMs={nowMs} /> ago: <Said text={reason} />
          </li>
        ))}
      </ul>
    </Section>
  );
}
