import type { Ledger } from "../src/simulator/cloud/ledger.ts";
import type { Account } from "./chronicle.ts";
import { colourOf, type Paint } from "./paint.ts";
import { plainTable } from "./plain-table.ts";
import { seconds } from "./seconds.ts";
import type { CastServer } from "./story.ts";

/** How often a server was really reinstalled, by the cloud's own book, against the story. */
export interface LedgerRow {
  readonly server: string;
  readonly reinstalls: number;
  readonly expected: number;
  /** Reinstall requests that reached the cloud, refused and lost ones too. */
  readonly requests: number;
  readonly stops: number;
  /** Two operations ran on it at the same time. */
  readonly overlapped: boolean;
}

export function ledgerRows(
  cast: readonly CastServer[],
  ledger: Ledger,
  idOf: (name: string) => string,
): readonly LedgerRow[] {
  return cast.map(({ name, reinstalls: expected }) => {
    const counters = ledger.servers[idOf(name)];
    return {
      server: name,
      reinstalls: counters?.reinstallsExecuted ?? 0,
      expected,
      requests: counters?.reinstallsRequested ?? 0,
      stops: counters?.stopsExecuted ?? 0,
      overlapped: (counters?.maxConcurrent ?? 0) > 1,
    };
  });
}

/** What is not as the story says, a sentence each; nothing when all is well. */
export function problemsOf(
  accounts: readonly Account[],
  rows: readonly LedgerRow[],
): readonly string[] {
  return [...rows.flatMap(problemsOfServer), ...accounts.flatMap(problemsOfCommand)];
}

function problemsOfServer({ server, reinstalls, expected, overlapped }: LedgerRow): string[] {
  return [
    ...(reinstalls === expected
      ? []
      : [`${server} was reinstalled ${times(reinstalls)} instead of ${times(expected)}`]),
    ...(overlapped ? [`${server} had two operations at the same time`] : []),
  ];
}

function problemsOfCommand(account: Account): string[] {
  const { scene, outcome, finals, contradictions, state } = account;
  const { commandId, expected } = scene;
  if (outcome === null) return [`${commandId} has no outcome; its last word is: ${state}`];
  return [
    ...(isAsExpected(account) ? [] : [`${commandId} is ${outcome}, expected was ${expected}`]),
    ...(finals === 1 ? [] : [`${commandId} has ${finals} final events instead of one`]),
    ...(contradictions === 0 ? [] : [`${commandId} has two events of one id that differ`]),
  ];
}

/** "succeeded" leaves open by which evidence. */
function isAsExpected({ scene, outcome }: Account): boolean {
  return outcome?.startsWith(scene.expected) === true;
}

export function outcomeTable(accounts: readonly Account[], columns: number, paint: Paint): string {
  const wide = columns >= 120;
  return plainTable(
    [
      { head: "command", width: 13 },
      { head: "server", width: 7 },
      ...(wide ? [{ head: "what it shows", width: 40 }] : []),
      { head: "expected", width: 23 },
      { head: "got", width: 23 },
      { head: "events", width: 7, align: "right" },
      { head: "took", width: 7, align: "right" },
    ],
    accounts.map((account) => {
      const { scene, outcome, events, sentMs, endedMs } = account;
      return [
        scene.commandId,
        scene.server ?? "?",
        ...(wide ? [paint("dim", scene.shows)] : []),
        scene.expected,
        isAsExpected(account)
          ? paint(colourOf(outcome ?? ""), outcome ?? "")
          : paint("red", `✗ ${outcome ?? "nothing"}`),
        `${events}`,
        sentMs === null || endedMs === null ? "" : seconds(endedMs - sentMs),
      ];
    }),
    paint,
  );
}

export function ledgerTable(rows: readonly LedgerRow[], paint: Paint): string {
  return plainTable(
    [
      { head: "server", width: 10 },
      { head: "reinstalls", width: 12, align: "right" },
      { head: "expected", width: 10, align: "right" },
      { head: "requests", width: 10, align: "right" },
      { head: "stops", width: 7, align: "right" },
      { head: "", width: 3 },
    ],
    rows.map(({ server, reinstalls, expected, requests, stops }) => [
      server,
      `${reinstalls}`,
      `${expected}`,
      `${requests}`,
      `${stops}`,
      reinstalls === expected ? paint("green", "✓") : paint("red", "✗"),
    ]),
    paint,
  );
}

function times(count: number): string {
  return count === 1 ? "once" : count === 2 ? "twice" : `${count} times`;
}
