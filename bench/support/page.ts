import type { BenchCase } from "../case.ts";
import type { CaseRecord, Report } from "./report.ts";
import { nameOf, programsOf, ratioOf, shown } from "./table.ts";

const BEGIN = "<!-- figures: written by `npm run bench -- --write` -->";
const END = "<!-- end of figures -->";

/** The page with the figures of a report between its two marks. Throws when the page has no marks. */
export function withFigures(page: string, report: Report, cases: readonly BenchCase[]): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error("the page has no place for figures");
  const sections = cases.flatMap((one) => {
    const record = report[one.name];
    return record === undefined ? [] : [sectionOf(one, record)];
  });
  return `${page.slice(0, begin)}${BEGIN}\n\n${sections.join("\n\n")}\n\n${page.slice(end)}`;
}

function sectionOf({ name, title, method, bounds }: BenchCase, record: CaseRecord): string {
  const programs = programsOf(record.figures);
  const withRatio = record.figures.some((figure) => ratioOf(figure) !== undefined);
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rows = record.figures.map((figure) =>
    row([
      nameOf(figure),
      ...programs.map((program) => shown(figure.values[program])),
      ...(withRatio ? [shown(ratioOf(figure))] : []),
    ]),
  );
  const head = ["", ...programs, ...(withRatio ? ["ratio"] : [])];
  const rule = ["---", ...head.slice(1).map(() => "---:")];
  const { date, commit, machine, load } = record;
  return [
    `### ${title}`,
    `\`npm run bench -- ${name}\`: ${date.slice(0, 10)}, commit ${commit}, ${machine}, load ${load}.`,
    [row(head), row(rule), ...rows].join("\n"),
    `*Method.* ${method}`,
    `*What bounds it.* ${bounds}`,
  ].join("\n\n");
}
