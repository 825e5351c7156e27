import type { CommandDetail } from "../../../contract/overview.ts";
import { span } from "../../../core/times-in-words.ts";
import { cut, Emitter } from "./emitter.tsx";
import { saidAtEnd } from "./final-data.ts";
import { Ago, CommandLink, Nothing, Outcome, Said, Section, ServerLink } from "./pieces.tsx";

/** So many of the last ends are shown. */
const MOST_ENDS = 20;

/** The commands that ended last. */
export function LastEnds({
  ended,
  nowMs,
}: {
  readonly ended: readonly CommandDetail[];
  readonly nowMs: number;
}) {
  return (
    <Section
      id="ends"
      title="Last ends"
      note={
        ended.length > MOST_ENDS
          ? `the last ${MOST_ENDS} of ${ended.length}: ecs-reinstall list ended`
          : undefined
      }
    >
      {ended.length === 0 ? (
        <Nothing>
          No end is remembered: nothing has ended since Redis was set up or emptied, or its records
          have expired (a week).
        </Nothing>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">outcome</th>
              <th scope="col">server and command</th>
              <th scope="col">ended</th>
              <th scope="col">took</th>
              <th scope="col">who and why</th>
            </tr>
          </thead>
          <tbody>
            {ended.slice(0, MOST_ENDS).map((one) => (
              <End of={one} nowMs={nowMs} />
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function End({ of: one, nowMs }: { readonly of: CommandDetail; readonly nowMs: number }) {
  const said = one.outcome === "succeeded" ? null : saidAtEnd(one);
  const tookMs = one.createdAtMs === null ? null : one.updatedAtMs - one.createdAtMs;
  return (
    <tr>
      <td>
        <Outcome name={one.outcome} />
      </td>
      <td>
        <ServerLink project={one.projectId} server={one.serverId} />
        <p class="why">
          <CommandLink id={one.commandId} />
        </p>
      </td>
      <td class="num" data-of="ended">
        <Ago ms={one.updatedAtMs} nowMs={nowMs} /> ago
      </td>
      <td class="num" data-of="took">
        {tookMs === null ? "" : span(tookMs)}
      </td>
      <td>
        {said === null ? null : (
          <p>
            <Said text={cut(said)} />
          </p>
        )}
        <Emitter of={one} />
      </td>
    </tr>
  );
}
