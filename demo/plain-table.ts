import Table from "cli-table3";
import type { Paint } from "./paint.ts";

export interface Column {
  readonly head: string;
  /** With the gap to the next column. */
  readonly width: number;
  readonly align?: "right";
}

/** A table without a frame: head, a rule, rows. Longer texts are cut. Never wider than its columns together. */
export function plainTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string {
  const table = new Table({
    chars: NO_FRAME,
    style: { "padding-left": 0, "padding-right": GAP, head: [], border: [], compact: true },
    colWidths: columns.map(({ width }) => width),
    colAligns: columns.map(({ align }) => align ?? "left"),
  });
  table.push(
    columns.map(({ head }) => paint("bold", head)),
    columns.map(({ width }) => paint("dim", "─".repeat(width - GAP))),
    ...rows.map((row) => [...row]),
  );
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const GAP = 1;

const NO_FRAME = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "",
} as const;
