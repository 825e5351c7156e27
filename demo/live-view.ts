import { createLogUpdate } from "log-update";
import type { ProgressEvent } from "../src/contract/event.ts";
import type { Account, Chronicle } from "./chronicle.ts";
import { isFinal, stateOf } from "./outcome.ts";
import { colourOf, type Paint } from "./paint.ts";
import { plainTable } from "./plain-table.ts";
import { seconds } from "./seconds.ts";
import type { Scene } from "./story.ts";
import type { WorkerProcess } from "./worker-process.ts";
import { deedsOf } from "./worker-report.ts";

/** What the audience sees while the story is played. */
export interface LiveView {
  sent(scene: Scene): void;
  heard(event: ProgressEvent): void;
  /** What the store says of a command that tells nothing. */
  noted(commandId: string, state: string): void;
  note(text: string): void;
  /** Takes the table away; lines stay. */
  stop(): void;
}

export interface LiveViewDeps {
  readonly stream: NodeJS.WriteStream;
  readonly paint: Paint;
  readonly chronicle: Chronicle;
  readonly workers: () => readonly WorkerProcess[];
  /** Since the beginning of the story. */
  readonly nowMs: () => number;
}

/** A table that changes on a terminal, a line for each change elsewhere. */
export function createLiveView(deps: LiveViewDeps): LiveView {
  return deps.stream.isTTY ? changingTable(deps) : plainLines(deps);
}

const REFRESH_MS = 150;
/** Head, rule, and the line that the cursor waits on. */
const LINES_AROUND_ROWS = 3;

function changingTable({ stream, paint, chronicle, workers, nowMs }: LiveViewDeps): LiveView {
  const screen = createLogUpdate(stream);
  const notes: string[] = [];
  const draw = () => {
    const { columns, rows: height } = stream;
    const below = [
      "",
      ...workers().map((worker) => workerLine(worker, columns, paint)),
      ...notes.slice(-2).map((text) => paint("yellow", text.slice(0, columns))),
    ];
    const rows = thatFit(chronicle.accounts(), height - below.length - LINES_AROUND_ROWS);
    screen([table(rows, columns, nowMs(), paint), ...below].join("\n"));
  };
  const timer = setInterval(draw, REFRESH_MS);
  draw();
  return {
    sent() {},
    heard() {},
    noted() {},
    note(text) {
      notes.push(`${seconds(nowMs())}  ${text}`);
    },
    stop() {
      clearInterval(timer);
      screen.clear();
      screen.done();
      for (const text of notes) stream.write(`${paint("yellow", text)}\n`);
    },
  };
}

/** On a low terminal those that have ended go first. */
function thatFit(accounts: readonly Account[], room: number): readonly Account[] {
  let surplus = accounts.length - room;
  return accounts.filter(({ endedMs }) => surplus <= 0 || endedMs === null || surplus-- <= 0);
}

function table(accounts: readonly Account[], columns: number, nowMs: number, paint: Paint): string {
  const wide = columns >= 100;
  return plainTable(
    [
      { head: "command", width: 13 },
      ...(wide ? [{ head: "server", width: 8 }] : []),
      { head: "what it shows", width: wide ? 42 : 37 },
      { head: "now", width: wide ? 30 : 23 },
      { head: "time", width: 7, align: "right" },
    ],
    accounts.map(({ scene, state, sentMs, endedMs }) => [
      scene.commandId,
      ...(wide ? [scene.server ?? "?"] : []),
      paint("dim", scene.shows),
      paint(colourOf(state), state),
      sentMs === null ? "" : seconds((endedMs ?? nowMs) - sentMs),
    ]),
    paint,
  );
}

function workerLine(worker: WorkerProcess, columns: number, paint: Paint): string {
  const { steps, requests } = deedsOf(worker);
  const said = `${worker.name}  ${steps} steps, ${requests} reinstall requests`;
  const more = worker.ending === undefined ? `${worker.url}/metrics` : `ended: ${worker.ending}`;
  const line = `${said}  ${more}`.slice(0, columns);
  return paint(worker.ending === undefined ? "dim" : "red", line);
}

function plainLines({ stream, nowMs }: LiveViewDeps): LiveView {
  const line = (who: string, text: string) =>
    stream.write(`${seconds(nowMs())}  ${who.padEnd(12)}  ${text}\n`);
  return {
    sent({ commandId, server, shows, copies }) {
      const times = copies === undefined ? "" : ` ${copies} times`;
      line(commandId, `sent${times} for ${server ?? "nobody"}: ${shows}`);
    },
    heard({ data }) {
      // Each look at a job, each copy: too many lines to read.
      if (data.event === "progress" || data.event === "duplicate") return;
      line(data.command_id, isFinal(data) ? `→ ${stateOf(data)}` : stateOf(data));
    },
    noted: line,
    note: (text) => line("*", text),
    stop() {},
  };
}
