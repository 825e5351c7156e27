import type { StoreBoard, WaitGroup } from "./board.ts";
import { Ago, CommandLink, Nothing, Said, Section } from "./pieces.tsx";

/** What waits, by what it waits for. */
export function Waiting({ store, nowMs }: { readonly store: StoreBoard; readonly nowMs: number }) {
  const { waiting, waitingIsCut, open } = store;
  const read = waiting.reduce((sum, { commands }) => sum + commands.length, 0);
  return (
    <Section
      id="waiting"
      title="Waiting, and why"
      note={
        waitingIsCut
          ? `${open} commands are open; shown are ${read} that have not moved for longest: ecs-reinstall list waiting`
          : undefined
      }
    >
      {waiting.length === 0 ? (
        <Nothing>No command waits: whatever was asked for is in work or has ended.</Nothing>
      ) : (
        waiting.map((group) => <Group group={group} nowMs={nowMs} />)
      )}
    </Section>
  );
}

/** So many of a group are named. */
const MOST_NAMED = 6;

function Group({ group, nowMs }: { readonly group: WaitGroup; readonly nowMs: number }) {
  const { reason, commands, sentence } = group;
  const rest = commands.length - MOST_NAMED;
  return (
    <div class="group">
      <h3>
        <span class="count">{commands.length}</span> × <code>{reason}</code>
      </h3>
      <p>
        <Said text={sentence} />
      </p>
      <ul class="chips">
        {commands.slice(0, MOST_NAMED).map((one) => (
          <li>
            <CommandLink id={one.commandId} />{" "}
            <span class="why">
              for <Ago ms={one.sinceMs ?? one.updatedAtMs} nowMs={nowMs} />
            </span>
          </li>
        ))}
        {rest > 0 ? <li class="why">and {rest} more</li> : null}
      </ul>
    </div>
  );
}
