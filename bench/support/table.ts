import Table from "cli-table3";
import type { BenchCase, Figure } from "../case.ts";
import type { Report } from "./report.ts";

export interface Measured {
  readonly of: BenchCase;
  readonly figures: readonly Figure[];
}

/** For a terminal: each figure, the worker's ratio to the bare loop, and what an earlier report has of the worker, or of the column that is compared. */
export function tableOf({ of, figures }: Measured, before: Report): string {
  const programs = programsOf(figures);
  const table = new Table({
    head: ["", ...programs, "ratio", "before"],
    colAligns: ["left", ...programs.map(() => "right" as const), "right", "right"],
    style: { head: [], border: [] },
  });
  for (const figure of figures) {
    const earlier = before[of.name]?.figures.find(({ what }) => what === figure.what);
    table.push([
      nameOf(figure),
      ...programs.map((program) => shown(figure.values[program])),
      shown(ratioOf(figure)),
      shown(earlier?.values[of.compared ?? WORKER]),
    ]);
  }
  return `${of.name}: ${of.title}\n${table.toString()}`;
}

const WORKER = "worker";
const BARE_LOOP = "bare loop";

/** The programs that any of the figures has a value of, in the order in which they appear. */
export function programsOf(figures: readonly Figure[]): readonly string[] {
  return [...new Set(figures.flatMap(({ values }) => Object.keys(values)))];
}

export function nameOf({ what, unit }: Figure): string {
  return unit === "" ? what : `${what}, ${unit}`;
}

/** How many times as much the worker needs as the bare loop; undefined where either was not measured. */
export function ratioOf({ values }: Figure): number | undefined {
  const [worker, bare] = [values[WORKER], values[BARE_LOOP]];
  return worker === undefined || bare === undefined || bare === 0 ? undefined : worker / bare;
}

/** Three digits that count. */
export function shown(value: number | undefined): string {
  if (value === undefined) return "";
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Number(value.toPrecision(3)).toString();
}
