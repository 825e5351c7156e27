import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { EventName, ProgressEvent } from "../../src/contract/event.ts";
import { DEFAULT_PROJECT_ID } from "../../src/simulator/defaults.ts";
import type { LedgerEntry } from "../../src/simulator/cloud/ledger.ts";
import type { ServerSpec } from "../../src/simulator/cloud/server-record.ts";
import type { SimulatedServer } from "../../src/simulator/simulator.ts";
import { eventually } from "../../test/support/eventually.ts";
import { createEmitter } from "../emitter.ts";
import { readEvents } from "../events.ts";
import type { Colour, Paint } from "../paint.ts";
import { seconds } from "../seconds.ts";
import type { Stage } from "../stage.ts";

/** A scene about the brakes: a virtual host, a Redis database and a worker of its own, with the product's default brakes. */
export interface Act {
  /** Tells the audience something, with the time since the scene began. */
  say(text: string): void;
  /** Something that must be so: shown with a tick or a cross; the demo fails by a cross. */
  claim(what: string, holds: boolean): void;
  /** So many new servers of the simulated cloud: `crazy-01`, `crazy-02`. */
  fleet(name: string, count: number, spec?: ServerSpec): readonly SimulatedServer[];
  /** One command for each server, named `prefix-01` and so on; answers the names. */
  send(prefix: string, servers: readonly SimulatedServer[]): Promise<readonly string[]>;
  /** The events of a command so far, oldest first. */
  told(commandId: string): readonly ProgressEvent[];
  /** Waits until each of these commands has told this event. */
  allTold(commandIds: readonly string[], event: EventName): Promise<void>;
  /** Waits until something is so. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** Types a command line of `ecs-reinstall`, and shows it with the first lines of its answer. */
  type(args: readonly string[], shownLines?: number): Promise<void>;
  /** How many reinstalls the cloud has begun on these servers, and the most of them that ran at one time. */
  begun(servers: readonly SimulatedServer[]): { readonly count: number; readonly atOnce: number };
  /** How many requests to stop, start or reinstall these servers the cloud has got, refused ones included. */
  requested(servers: readonly SimulatedServer[]): number;
  /** Why a command waits, as its last event about that says. */
  reasonOf(commandId: string): string;
}

export type Play = (act: Act, stage: Stage) => Promise<void>;

export interface Ending {
  readonly failed: readonly string[];
}

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CLI = "dist/cli/ecs-reinstall.js";
const LONGEST_MS = 60_000;
const KEY_NAME = "key-a";
/** Where the answers of command lines begin. */
const INDENT = " ".repeat(8);

export interface Setting {
  /** From 1: its Redis database. */
  readonly number: number;
  readonly paint: Paint;
  readonly write: (line: string) => void;
  /** Longer lines go on in the next one. */
  readonly columns: number;
}

/** Plays it from its beginning to its end, and takes down what was its own. */
export async function playAct(
  play: Play,
  stage: Stage,
  { number, paint, write, columns }: Setting,
): Promise<Ending> {
  const startedMs = performance.now();
  const tell = (text: string, colour?: Colour) => {
    const time = `${paint("dim", seconds(performance.now() - startedMs))}  `;
    for (const [index, line] of wrapped(text, columns - INDENT.length).entries()) {
      write(`${index === 0 ? time : INDENT}${colour === undefined ? line : paint(colour, line)}`);
    }
  };
  const failed: string[] = [];
  const heard: ProgressEvent[] = [];
  const vhost = await stage.rabbitMq.newVhost();
  const redisUrl = new URL(`/${number}`, stage.redis.url).href;
  const worker = await stage.addWorker(`worker-of-scene-${number}`, {
    AMQP_URL: vhost.url,
    REDIS_URL: redisUrl,
  });
  const reader = await readEvents(vhost.url, (event) => heard.push(event));
  const emitter = await createEmitter(vhost.url, Date.now());
  const told = (commandId: string) => heard.filter(({ data }) => data.command_id === commandId);
  const entriesOf = (servers: readonly SimulatedServer[]) => {
    const ids = new Set(servers.map(({ id }) => id));
    return stage.simulator.ledger().entries.filter(({ serverId }) => ids.has(serverId));
  };
  const until = async (what: string, holds: () => boolean) =>
    void (await eventually(holds, { what, timeoutMs: LONGEST_MS }));

  const act: Act = {
    say: (text) => tell(text),
    claim(what, holds) {
      if (!holds) failed.push(what);
      tell(`${holds ? "✓" : "✗"} ${what}`, holds ? "green" : "red");
    },
    fleet: (name, count, spec = {}) =>
      Array.from({ length: count }, (_, index) =>
        stage.simulator.addServer({ state: "SHUTOFF", ...spec, name: numbered(name, index) }),
      ),
    async send(prefix, servers) {
      const ids = servers.map((_, index) => numbered(prefix, index));
      const message = { kind: "command", keyname: KEY_NAME } as const;
      await Promise.all(
        servers.map(({ id: serverId }, index) =>
          emitter.send({ commandId: ids[index] ?? "", serverId, message, copies: 1 }),
        ),
      );
      return ids;
    },
    told,
    until,
    allTold: (ids, name) =>
      until(`${name} of ${ids.length} commands`, () =>
        ids.every((id) => told(id).some(({ data }) => data.event === name)),
      ),
    async type(args, shownLines = 6) {
      tell(`$ ecs-reinstall ${args.map(quoted).join(" ")}`, "cyan");
      const answer = await answerOf([CLI, ...args], {
        cwd: ROOT,
        env: {
          PATH: process.env["PATH"],
          REDIS_URL: redisUrl,
          ECS_PROJECTS: DEFAULT_PROJECT_ID,
          ECS_REINSTALL_URL: worker.url,
        },
      });
      for (const line of answer.trimEnd().split("\n").slice(0, shownLines))
        for (const part of wrapped(line, columns - INDENT.length)) write(`${INDENT}${part}`);
    },
    begun: (servers) => countBegun(entriesOf(servers)),
    requested: (servers) =>
      entriesOf(servers).filter(({ kind }) => kind.endsWith("-request")).length,
    reasonOf: (commandId) =>
      String(told(commandId).findLast(({ data }) => data.event === "waiting")?.data["detail"]),
  };
  try {
    await play(act, stage);
  } finally {
    await Promise.all([reader.stop(), emitter.stop(), worker.stop()]);
  }
  return { failed };
}

function countBegun(entries: readonly LedgerEntry[]) {
  let count = 0;
  let running = 0;
  let atOnce = 0;
  for (const entry of entries) {
    if (entry.kind === "reinstall-request" && entry.executed) {
      count += 1;
      running += 1;
      atOnce = Math.max(atOnce, running);
    } else if (entry.kind === "reinstall-finished") running -= 1;
  }
  return { count, atOnce };
}

const numbered = (name: string, index: number) => `${name}-${String(index + 1).padStart(2, "0")}`;

const quoted = (word: string) => (/^[\w./:=-]+$/.test(word) ? word : `"${word}"`);

/** What it answered; what went wrong instead, where something did: one of many may have moved on in that moment. */
function answerOf(args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
  return new Promise<string>((resolve) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve(error === null ? stdout : stderr);
    });
  });
}

/** In lines of at most so many columns, at spaces; the lines of a table are cut. */
function wrapped(text: string, width: number): readonly string[] {
  if (/^[┌│├└]/.test(text)) return [text.length <= width ? text : `${text.slice(0, width - 1)}…`];
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
