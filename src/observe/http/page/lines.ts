import type { PublishedEvent } from "../../../contract/evidence.ts";
import { span } from "../../../core/times-in-words.ts";
import { recordOf, saidAtEnd } from "./final-data.ts";
import type { Stretch } from "./pictures.tsx";
import { toneOf } from "./pieces.tsx";

type Tone = Stretch["tone"];

/** A line of a command's timeline. */
export interface Line {
  readonly atMs: number;
  readonly tone: Tone;
  readonly title: string;
  /** What else is to be said; null: nothing. */
  readonly more: string | null;
}

/** An event in words; of a later version, by its name. */
export function lineOf({ event, time, data }: PublishedEvent): Line {
  const said = data ?? {};
  const [title, more] = wordsOf(event, said);
  return { atMs: Date.parse(time), tone: toneOfEvent(event), title, more };
}

function toneOfEvent(event: string): Tone {
  if (event === "waiting" || event === "joined") return "wait";
  if (RUNNING.includes(event)) return "run";
  return toneOf(event);
}

const RUNNING: readonly string[] = ["stopping", "starting", "submitted", "progress"];

function wordsOf(
  event: string,
  data: Readonly<Record<string, unknown>>,
): readonly [string, string | null] {
  const text = (name: string) => (typeof data[name] === "string" ? data[name] : null);
  const number = (name: string) => (typeof data[name] === "number" ? data[name] : null);
  switch (event) {
    case "accepted":
      return ["Accepted", listed("fields that nobody reads", data["unknown_fields"])];
    case "waiting": {
      const holder = text("holder");
      const until = text("until");
      return [
        `Waits for ${text("waits_for") ?? "something"}${holder === null ? "" : `: ${holder}`}`,
        joined([text("detail"), until === null ? null : `until ${until}`]),
      ];
    }
    case "joined":
      return [`Joined ${text("leader") ?? "another command"}`, "its result is shared"];
    case "stopping":
      return [
        text("stop_type") === "HARD" ? "Power is cut" : "The server is being stopped",
        job(text("job_id")),
      ];
    case "starting":
      return ["The server is being started", joined([text("why"), job(text("job_id"))])];
    case "submitted":
      return [
        "The cloud has accepted the reinstall",
        joined([
          job(text("job_id")),
          (number("attempt") ?? 1) > 1 ? `try ${number("attempt")}` : null,
        ]),
      ];
    case "progress": {
      const [done, total] = [number("sub_jobs_done"), number("sub_jobs_total")];
      const parts = total === null ? null : `${done ?? 0} of ${total} sub-jobs have ended`;
      const elapsed = number("elapsed_seconds");
      return [
        `The job is ${text("job_status") ?? "going on"}`,
        joined([parts, elapsed === null ? null : `${span(elapsed * 1000)} since the request`]),
      ];
    }
    default:
      return [capital(event), saidAtEnd({ finalEvent: { data } })];
  }
}

/** A final event, or what was found out after it. */
export function endLine(event: unknown): Line | null {
  const { time, data } = recordOf(event);
  const name = recordOf(data)["event"];
  if (typeof time !== "string" || typeof name !== "string") return null;
  const took = recordOf(data)["duration_seconds"];
  const next = recordOf(data)["next_step"];
  const more = joined([
    saidAtEnd({ finalEvent: event }),
    typeof took === "number" ? `the cloud took ${span(took * 1000)}` : null,
    typeof next === "string" ? next : null,
  ]);
  return { atMs: Date.parse(time), tone: toneOf(name), title: capital(name), more };
}

function job(id: string | null): string | null {
  return id === null ? null : `job ${id}`;
}

function joined(parts: readonly (string | null)[]): string | null {
  const said = parts.filter((one) => one !== null);
  return said.length === 0 ? null : said.join("; ");
}

function listed(what: string, names: unknown): string | null {
  return Array.isArray(names) && names.length > 0 ? `${what}: ${names.join(", ")}` : null;
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
