import type { ProgressEvent } from "../contract/event.ts";
import { printable } from "./event-line.ts";

/** A terminal: a line on it can be written over. */
export interface Terminal {
  columns(): number;
  write(text: string): void;
}

/** Standard output as a terminal; undefined: it is a file or a pipe, or nothing can be written over there. */
export function terminalOf(
  stream: {
    readonly isTTY?: boolean;
    readonly columns?: number;
    write(text: string): unknown;
  },
  term: string | undefined,
): Terminal | undefined {
  if (stream.isTTY !== true || term === "dumb") return undefined;
  return {
    // 0: nobody has set its size.
    columns: () => (stream.columns !== undefined && stream.columns > 0 ? stream.columns : 80),
    write: (text) => void stream.write(text),
  };
}

export interface LiveLine {
  /** The broker has the command. */
  sent(): void;
  show(event: ProgressEvent): void;
  /** Takes the line away. May be called twice. */
  end(): void;
}

const TICK_MS = 1_000;
const AGAIN = "\r\u001B[2K";

/** One line about a command, written again each second: where it stands, for how long, what it waits for and until when. */
export function createLiveLine(terminal: Terminal, commandId: string): LiveLine {
  const beganMs = Date.now();
  let isSent = false;
  let last: { readonly event: ProgressEvent; readonly atMs: number } | null = null;

  function draw(): void {
    const nowMs = Date.now();
    const stands =
      last === null
        ? isSent
          ? "queued"
          : "being sent"
        : standing(last.event, nowMs, nowMs - last.atMs);
    const text = printable(`${commandId}  ${lasting(nowMs - beganMs)}  ${stands}`);
    // One less: a full line would wrap, and could not be written over.
    terminal.write(`${AGAIN}${text.slice(0, terminal.columns() - 1)}`);
  }

  let timer: NodeJS.Timeout | undefined = setInterval(draw, TICK_MS);
  draw();
  return {
    sent() {
      isSent = true;
      draw();
    },
    show(event) {
      last = { event, atMs: Date.now() };
      draw();
    },
    end() {
      if (timer === undefined) return;
      clearInterval(timer);
      timer = undefined;
      terminal.write(AGAIN);
    },
  };
}

/** `sinceMs`: for how long nothing newer has been heard. */
function standing({ data }: ProgressEvent, nowMs: number, sinceMs: number): string {
  switch (data.event) {
    case "waiting":
      return waiting(data, nowMs);
    case "progress": {
      const elapsedMs = numberOf(data["elapsed_seconds"]) * 1_000 + sinceMs;
      return `job ${String(data["job_status"])} for ${lasting(elapsedMs)}${parts(data)}`;
    }
    case "submitted":
      return `submitted, its job runs for ${lasting(sinceMs)}`;
    case "joined":
      return `joined ${String(data["leader"])}, which does the same`;
    default:
      return `${data.event} for ${lasting(sinceMs)}`;
  }
}

function waiting(data: ProgressEvent["data"], nowMs: number): string {
  const { waits_for: reason, holder, until, expires_at: expires } = data;
  const held = typeof holder === "string" ? ` (${holder})` : "";
  const end =
    typeof until === "string"
      ? `until ${until} (${left(until, nowMs)})`
      : `${String(expires)} at the latest (${left(String(expires), nowMs)})`;
  return `waits for ${String(reason)}${held}, ${end}`;
}

function left(instant: string, nowMs: number): string {
  const ms = Date.parse(instant) - nowMs;
  return ms > 0 ? `in ${lasting(ms)}` : "now";
}

function parts({ sub_jobs_total: total, sub_jobs_done: done }: ProgressEvent["data"]): string {
  if (typeof total !== "number" || typeof done !== "number" || total === 0) return "";
  return `, ${done} of ${total} parts (${Math.round((100 * done) / total)} %)`;
}

const numberOf = (value: unknown) => (typeof value === "number" ? value : 0);

/** `1 h 02 min`, `2 min 05 s`, `7 s`. */
function lasting(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds >= 3_600) {
    return `${Math.floor(seconds / 3_600)} h ${two(Math.floor((seconds % 3_600) / 60))} min`;
  }
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min ${two(seconds % 60)} s` : `${seconds} s`;
}
