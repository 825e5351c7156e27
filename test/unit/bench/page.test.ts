import { expect, test } from "vitest";
import type { BenchCase } from "../../../bench/case.ts";
import { withFigures } from "../../../bench/support/page.ts";
import { merged, type Report } from "../../../bench/support/report.ts";
import { ratioOf, shown, tableOf } from "../../../bench/support/table.ts";
import { sumOf } from "../../../bench/support/worker.ts";

const CASE: BenchCase = {
  name: "cpu",
  title: "CPU for one command",
  method: "By counting.",
  bounds: "One thread.",
  run: () => Promise.resolve([]),
};

const REPORT: Report = {
  cpu: {
    date: "2026-11-27T10:00:00Z",
    commit: "abc1234",
    machine: "2 x processor",
    load: 0.5,
    figures: [
      { what: "CPU", unit: "ms", values: { worker: 3, "bare loop": 1.5 } },
      { what: "scripts", unit: "", values: { worker: 7 } },
    ],
  },
};

const PAGE = [
  "# Performance",
  "<!-- figures: written by `npm run bench -- --write` -->",
  "old",
  "<!-- end of figures -->",
  "after",
].join("\n");

test("the page shows each figure with the ratio to the bare loop, and keeps what is around them", () => {
  const page = withFigures(PAGE, REPORT, [CASE]);
  expect(page).toContain("| CPU, ms | 3 | 1.5 | 2 |");
  expect(page).toContain("| scripts | 7 |  |  |");
  expect(page).toContain("2026-11-27, commit abc1234, 2 x processor, load 0.5");
  expect(page).not.toContain("old");
  expect(page.startsWith("# Performance\n")).toBe(true);
  expect(page.endsWith("after")).toBe(true);
  expect(withFigures(page, REPORT, [CASE])).toBe(page);
});

test("a page without the marks is refused", () => {
  expect(() => withFigures("# Performance\n", REPORT, [CASE])).toThrow(/no place/);
});

test("a case that was measured again replaces its record; the others stay", () => {
  const again = { ...REPORT["cpu"], load: 9 } as Report[string];
  const both = merged({ ...REPORT, start: again }, { cpu: again });
  expect(both["cpu"]?.load).toBe(9);
  expect(Object.keys(both)).toEqual(["cpu", "start"]);
});

test("the table shows beside each figure what an earlier report has of the worker", () => {
  const figures = [{ what: "CPU", unit: "ms", values: { worker: 2.4, "bare loop": 1.2 } }];
  const line = tableOf({ of: CASE, figures }, REPORT)
    .split("\n")
    .find((one) => one.includes("CPU, ms"));
  expect(line?.split("│").map((cell) => cell.trim())).toEqual([
    "",
    "CPU, ms",
    "2.4",
    "1.2",
    "2",
    "3",
    "",
  ]);
});

test("where no column is the worker's, the earlier value is that of the column that the case compares", () => {
  const figures = [{ what: "CPU", unit: "ms", values: { "took, s": 7, refused: 1 } }];
  const earlier = [{ what: "CPU", unit: "ms", values: { "took, s": 9, refused: 4 } }];
  const before = { cpu: { ...REPORT["cpu"], figures: earlier } as Report[string] };
  const line = tableOf({ of: { ...CASE, compared: "took, s" }, figures }, before)
    .split("\n")
    .find((one) => one.includes("CPU, ms"));
  expect(line?.split("│").map((cell) => cell.trim())).toEqual([
    "",
    "CPU, ms",
    "7",
    "1",
    "",
    "9",
    "",
  ]);
});

test.each([
  [{ worker: 3, "bare loop": 2 }, 1.5],
  [{ worker: 3 }, undefined],
  [{ worker: 3, "bare loop": 0 }, undefined],
])("the ratio of %j is %s", (values, ratio) => {
  expect(ratioOf({ what: "CPU", unit: "ms", values })).toBe(ratio);
});

test.each([
  [1234.56, "1235"],
  [12.345, "12.3"],
  [0.012345, "0.0123"],
  [undefined, ""],
])("%s is shown as %s", (value, text) => {
  expect(shown(value)).toBe(text);
});

test("a metric is summed over the samples that have all of the labels, and no other metric", () => {
  const page = ['m_total{a="1",b="2"} 3', 'm_total{a="1",b="3"} 4', "m_total_more 9", "m_total 1"];
  expect(sumOf(page.join("\n"), "m_total", [])).toBe(8);
  expect(sumOf(page.join("\n"), "m_total", ['a="1"', 'b="3"'])).toBe(4);
});
