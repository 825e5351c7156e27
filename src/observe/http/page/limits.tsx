import type { BrakeStatus, KeptOff, SlotStatus } from "../../../contract/http.ts";
import type { CommandDetail } from "../../../contract/overview.ts";
import { span } from "../../../core/times-in-words.ts";
import type { Board } from "./board.ts";
import { medianOf, reinstallMs } from "./final-data.ts";
import { Durations, Ends, type HourOfEnds, Share, Slots } from "./pictures.tsx";
import { Ago, Nothing, Said, Section, toneOf } from "./pieces.tsx";

/** Brakes, slots, the budget of requests, and how fast reinstalls go. */
export function Limits({ board }: { readonly board: Board }) {
  const { slots, holding, keptOff, brakesReadAtMs, store, budgetLeft, notTaken, nowMs } = board;
  const ended = store?.ended ?? [];
  const set = holding.filter(({ brake }) => !brake.startsWith("storm-"));
  return (
    <Section id="limits" title="Brakes and limits">
      {brakesReadAtMs === undefined ? null : <Old readAtMs={brakesReadAtMs} nowMs={nowMs} />}
      {set.length === 0 ? (
        <Nothing>No pause and no protection stands. The limits below hold all the same.</Nothing>
      ) : (
        <ul class="sentences">
          {set.slice(0, 20).map((one) => (
            <li>
              <Standing of={one} nowMs={nowMs} />
            </li>
          ))}
          {set.length > 20 ? (
            <li class="why">and {set.length - 20} more: ecs-reinstall list brakes</li>
          ) : null}
        </ul>
      )}
      {keptOff.length === 0 ? null : (
        <ul class="sentences">
          {keptOff.map((one) => (
            <li>
              <Off of={one} nowMs={nowMs} />
            </li>
          ))}
        </ul>
      )}
      <div class="cards">
        {slots.map((one) => (
          <SlotCard of={one} alone={slots.length === 1} />
        ))}
        {store === null || ended.length === 0 ? null : (
          <>
            <Rate ended={ended} nowMs={nowMs} />
            <Took ended={ended} />
          </>
        )}
        {budgetLeft === null ? null : <Budget left={budgetLeft} notTaken={notTaken} />}
      </div>
    </Section>
  );
}

/** Pauses of a worker that cannot read them now. */
function Old({ readAtMs, nowMs }: { readonly readAtMs: number | null; readonly nowMs: number }) {
  return (
    <p class="why">
      {readAtMs === null ? (
        "Redis was not read for them yet: what people have set is not known."
      ) : (
        <>
          Redis does not answer: what people have set is shown as it was{" "}
          <Ago ms={readAtMs} nowMs={nowMs} /> ago.
        </>
      )}
    </p>
  );
}

function Off({ of: one, nowMs }: { readonly of: KeptOff; readonly nowMs: number }) {
  return (
    <>
      <b>{one.brake}</b> (project {one.projectId}) does not set itself for another{" "}
      {span(one.untilMs - nowMs)}: lifted by <Said text={one.by ?? ""} />
      {one.reason === null ? null : (
        <>
          : <Said text={one.reason} />
        </>
      )}
    </>
  );
}

function Standing({ of: one, nowMs }: { readonly of: BrakeStatus; readonly nowMs: number }) {
  return (
    <>
      <b>{one.brake}</b> ({one.scope}, project {one.projectId})
      {one.by === null ? (
        ""
      ) : (
        <>
          , by <Said text={one.by} />
        </>
      )}
      {one.sinceMs === null ? (
        ""
      ) : (
        <>
          , for <Ago ms={one.sinceMs} nowMs={nowMs} />
        </>
      )}
      {one.reason === null ? (
        ""
      ) : (
        <>
          : <Said text={one.reason} />
        </>
      )}
    </>
  );
}

function SlotCard({ of: one, alone }: { readonly of: SlotStatus; readonly alone: boolean }) {
  const { projectId, taken, cap, waiting } = one;
  const line = waiting === 0 ? "nobody waits for one" : `${waiting} in line for one`;
  return (
    <div class="card">
      <h3>
        Slots
        {alone ? (
          ""
        ) : (
          <>
            ,{" "}
            <a class="id" href={`/?project=${projectId}`}>
              {projectId}
            </a>
          </>
        )}
      </h3>
      <p class="why">{`${taken} of ${cap} taken, ${line}`}</p>
      <div class="figure">
        <Slots taken={taken} cap={cap} />
      </div>
      <p class="why">
        {taken > cap
          ? "More than the cap: it was lowered, or Redis was emptied. Nothing new starts until some end."
          : "At most so many servers are in work at once."}
      </p>
    </div>
  );
}

const HOUR_MS = 3_600_000;
const HOURS = 24;

function Rate({
  ended,
  nowMs,
}: {
  readonly ended: readonly CommandDetail[];
  readonly nowMs: number;
}) {
  const hours: HourOfEnds[] = Array.from({ length: HOURS }, () => ({ good: 0, bad: 0, calm: 0 }));
  for (const { updatedAtMs, outcome } of ended) {
    const hour = HOURS - 1 - Math.floor((nowMs - updatedAtMs) / HOUR_MS);
    const of = hours[hour];
    const tone = toneOf(outcome);
    if (of !== undefined) hours[hour] = { ...of, [tone]: of[tone] + 1 };
  }
  const sum = (tone: keyof HourOfEnds) => hours.reduce((total, hour) => total + hour[tone], 0);
  const [good, bad, calm] = [sum("good"), sum("bad"), sum("calm")];
  const summed = `${good} succeeded, ${bad} went wrong, ${calm} ended otherwise`;
  return (
    <div class="card">
      <h3>Ends per hour</h3>
      <p class="why">{summed}</p>
      <div class="figure">
        <Ends hours={hours} label={`ends of the last 24 hours: ${summed}`} />
      </div>
      <p class="axis">
        <span>24 h ago</span> <span>now</span>
      </p>
      <p class="key">
        <span>
          <i class="good"></i>succeeded
        </span>
        <span>
          <i class="bad"></i>failed, unresolved, refused
        </span>
        <span>
          <i class="calm"></i>nothing was done
        </span>
      </p>
    </div>
  );
}

function Took({ ended }: { readonly ended: readonly CommandDetail[] }) {
  const durationsMs = ended.flatMap((one) => reinstallMs(one) ?? []);
  const medianMs = medianOf(durationsMs);
  return (
    <div class="card">
      <h3>How long a reinstall takes</h3>
      {medianMs === null ? (
        <Nothing>
          No reinstall among the last ends has succeeded, so nothing is known of their time.
        </Nothing>
      ) : (
        <>
          <p class="why">{`the middle one of ${durationsMs.length}: ${span(medianMs)}`}</p>
          <div class="figure">
            <Durations durationsMs={durationsMs} medianMs={medianMs} />
          </div>
          <p class="axis">
            <span>0</span> <span>{span(Math.max(...durationsMs))}</span>
          </p>
        </>
      )}
    </div>
  );
}

function Budget({ left, notTaken }: { readonly left: number; readonly notTaken: number | null }) {
  const percent = `${Math.round(left * 100)} %`;
  return (
    <div class="card">
      <h3>Requests to the cloud</h3>
      <p class="why">{`${percent} of this second's budget is left`}</p>
      <div class="figure">
        <Share share={left} label={`${percent} of the budget is left`} />
      </div>
      <p class="why">
        {notTaken === null || notTaken === 0
          ? "No command lies in the queue that no worker has taken."
          : `${notTaken} commands lie in the queue that no worker has taken yet.`}
      </p>
    </div>
  );
}
