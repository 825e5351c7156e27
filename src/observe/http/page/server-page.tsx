import type { PastReinstall, ServerDetail } from "../../../contract/overview.ts";
import { explainServer } from "../../../core/explain/explain.ts";
import type { Away } from "../../../core/explain/trouble.ts";
import { span } from "../../../core/times-in-words.ts";
import { Emitter } from "./emitter.tsx";
import { Frame, type FrameProps } from "./layout.tsx";
import { Meter } from "./pictures.tsx";
import {
  Detail,
  Ago,
  CommandLink,
  Instant,
  Nothing,
  Outcome,
  Section,
  Sentences,
} from "./pieces.tsx";

export interface ServerPageProps extends Omit<FrameProps, "title" | "children"> {
  readonly project: string;
  readonly server: string;
  readonly view: ServerDetail;
  readonly away: readonly Away[];
}

/** One server: what holds it, who waits for it, its last reinstalls, and what each brake says. */
export function ServerPage({ project, server, view, away, ...frame }: ServerPageProps) {
  const { nowMs } = frame;
  return (
    <Frame title={`${server} · ecs-reinstall`} {...frame}>
      <h1>{server}</h1>
      <p class="lede">
        server of project <code>{project}</code>
      </p>
      <Section
        id="why"
        title="Why it is, or is not, being reinstalled"
        note={<a href={`/v1/servers/${project}/${server}`}>as JSON</a>}
      >
        <Sentences lines={withoutHistory(explainServer({ project, server }, view, nowMs, away))} />
      </Section>
      <Section id="line" title="Who waits for it">
        {view.waiting.length === 0 ? (
          <Nothing>Nobody. A new command would be the first.</Nothing>
        ) : (
          <ol class="rows">
            {view.waiting.map(({ commandId, sinceMs }, place) => (
              <li>
                <CommandLink id={commandId} />
                <p class="why">
                  {place === 0 ? "next" : `after ${place} ${place === 1 ? "other" : "others"}`},
                  arrived <Ago ms={sinceMs} nowMs={nowMs} /> ago
                </p>
              </li>
            ))}
          </ol>
        )}
      </Section>
      <History of={view.history} nowMs={nowMs} />
      <Verdicts of={view.brakes} />
    </Frame>
  );
}

/** The history stands in a table of its own. */
function withoutHistory(lines: readonly string[]): readonly string[] {
  const from = lines.findIndex((line) => line.startsWith("Its last reinstalls ("));
  if (from < 0) return lines;
  const behind = lines.findIndex((line, at) => at > from && !line.startsWith("- "));
  return [...lines.slice(0, from), ...(behind < 0 ? [] : lines.slice(behind))];
}

function History({ of, nowMs }: { readonly of: readonly PastReinstall[]; readonly nowMs: number }) {
  const tookOf = ({ atMs, endedMs }: PastReinstall) => (endedMs ?? nowMs) - atMs;
  const longest = Math.max(1, ...of.map(tookOf));
  return (
    <Section
      id="history"
      title="Its last reinstalls"
      note={of.length === 0 ? undefined : "at most 20, of 30 days"}
    >
      {of.length === 0 ? (
        <Nothing>No reinstall of this server is remembered.</Nothing>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">outcome</th>
              <th scope="col">command</th>
              <th scope="col">began (UTC)</th>
              <th scope="col">took</th>
              <th scope="col">who and why</th>
            </tr>
          </thead>
          <tbody>
            {of.map((one) => (
              <tr>
                <td>
                  {one.endedMs === null ? (
                    <span class="outcome">goes on</span>
                  ) : (
                    <Outcome name={one.outcome} />
                  )}
                </td>
                <td>
                  <CommandLink id={one.commandId} />
                </td>
                <td class="num" data-of="began">
                  <Instant ms={one.atMs} />
                </td>
                <td class="num" data-of="took">
                  {span(tookOf(one))}
                  <Meter
                    share={tookOf(one) / longest}
                    label={`${span(tookOf(one))}, the longest took ${span(longest)}`}
                  />
                </td>
                <td>
                  <Emitter of={{ ...one, group: null }} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function Verdicts({ of }: { readonly of: ServerDetail["brakes"] }) {
  return (
    <Section id="brakes" title="What each brake says" note="of a new command without a group">
      {of === null ? (
        <Nothing>The store did not answer for them.</Nothing>
      ) : (
        <dl class="facts">
          {of.map(({ brake, verdict, detail }) => (
            <>
              <dt>{brake}</dt>
              <dd>
                <b>{verdict}</b>
                <Detail text={detail} />
              </dd>
            </>
          ))}
        </dl>
      )}
    </Section>
  );
}
