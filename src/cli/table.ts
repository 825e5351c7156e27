import Table from "cli-table3";
import { z } from "zod";
import { span } from "../core/times-in-words.ts";
import { askWorker, type UrlFlag } from "./ask-worker.ts";
import { CliFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";

/** An entry of a list, as a worker answers it. */
export type Row = Readonly<Record<string, unknown>>;

/** One column of a table: its head, and what stands in it. */
export type Column = readonly [head: string, cell: (row: Row, nowMs: number) => string];

/** A list of the HTTP API. */
export interface Listing {
  readonly path: string;
  readonly query: Record<string, string>;
  /** Of the answer: its entries. */
  readonly member: string;
  readonly keep: (row: Row) => boolean;
  /** It comes as a whole: it takes no limit. */
  readonly whole?: true;
  /** Other members with entries, of the last page; an older worker does not have them, and `null` is one that it could not read. */
  readonly beside?: readonly string[];
  /** Members that say something of the whole; an older worker does not have them. */
  readonly says?: readonly string[];
}

type Beside = Readonly<Record<string, readonly Row[] | null>>;

const PAGE = 500;

/** Reads a list page by page, up to a limit. `complete`: there is no more. */
export async function readAll(
  { path, query, member, keep, whole, beside = [], says = [] }: Listing,
  flags: UrlFlag & { readonly limit: number },
  io: CliIo,
): Promise<{
  readonly rows: readonly Row[];
  readonly complete: boolean;
  readonly beside: Beside;
  readonly said: Row;
}> {
  const found: Row[] = [];
  const seen = new Set<string>();
  let fitting = 0;
  let cursor: string | null = null;
  let others: Beside = {};
  let said: Row = {};
  do {
    const parameters = new URLSearchParams(query);
    if (whole !== true) parameters.set("limit", String(Math.min(flags.limit, PAGE)));
    if (cursor !== null) parameters.set("cursor", cursor);
    const asked = await askWorker(`${path}?${parameters.toString()}`, flags, io);
    if (asked.kind === "absent") throw new CliFailure(asked.message);
    const page = pageOf(asked.body, member, { beside, says });
    for (const row of page.rows.filter(keep)) {
      fitting += 1;
      // A command that moves between two pages is on both.
      const name =
        typeof row["command_id"] === "string" && member === "commands" ? nameOf(row) : null;
      if (name !== null && seen.has(name)) continue;
      if (name !== null) seen.add(name);
      found.push(row);
    }
    cursor = page.next;
    others = page.beside;
    said = page.said;
  } while (cursor !== null && fitting < flags.limit);
  const rows = found.slice(0, flags.limit);
  return { rows, complete: cursor === null && rows.length === found.length, beside: others, said };
}

function nameOf({ project_id, command_id }: Row): string {
  return `${String(project_id)} ${String(command_id)}`;
}

/** The parameters that are given. */
export function given(query: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(query).filter((one): one is [string, string] => one[1] !== undefined),
  );
}

function pageOf(
  body: unknown,
  member: string,
  { beside, says }: Required<Pick<Listing, "beside" | "says">>,
) {
  const read = Page.safeParse(body);
  const rows = Rows.safeParse(read.data?.[member]);
  const others = z
    .record(z.string(), Rows.nullable())
    .safeParse(Object.fromEntries(beside.map((name) => [name, othersOf(read.data?.[name])])));
  if (!read.success || !rows.success || !others.success) {
    throw new CliFailure("the worker's answer is none that this version knows");
  }
  const { data } = read;
  const said = Object.fromEntries(
    says.flatMap((name) => (name in data ? [[name, data[name]] as const] : [])),
  );
  return { rows: rows.data, beside: others.data, said, next: data.next ?? null };
}

const othersOf = (entries: unknown) => (entries === undefined ? [] : entries);
const Page = z.looseObject({ next: z.string().nullish() });
const Rows = z.array(z.record(z.string(), z.unknown()));

/** A table for people. */
export function tableOf(columns: readonly Column[], rows: readonly Row[], nowMs: number): string {
  const table = new Table({
    head: columns.map(([head]) => head),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) table.push(columns.map(([, cell]) => cell(row, nowMs)));
  return table.toString();
}

/** What emitters and other services wrote goes to a terminal: control characters must not. */
export function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  return (typeof value === "string" ? value : JSON.stringify(value)).replaceAll(/\p{C}/gu, "?");
}

/** How long ago that was. */
export function age(value: unknown, nowMs: number): string {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? "" : span(nowMs - at);
}

/** How long it took from one instant to the other. */
export function between(from: unknown, to: unknown): string {
  return typeof to === "string" ? age(from, Date.parse(to)) : "";
}

/** How far ahead that is. */
export function ahead(value: unknown, nowMs: number): string {
  const at = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? "" : at <= nowMs ? "now" : span(at - nowMs);
}
