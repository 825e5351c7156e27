import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import { z } from "zod";

const FigureRecord = z.object({
  what: z.string(),
  unit: z.string(),
  values: z.record(z.string(), z.number()),
});

/** What one case came to, and where and when. */
const CaseRecord = z.object({
  /** RFC 3339, UTC. */
  date: z.string(),
  /** Of the code that was measured, short; `+` at its end: with changes that are not committed. */
  commit: z.string(),
  machine: z.string(),
  /** Processes that wanted a processor, mean of a minute, when the case began: other work makes times longer, CPU time hardly. */
  load: z.number(),
  figures: z.array(FigureRecord),
});
export type CaseRecord = z.infer<typeof CaseRecord>;

/** By name of the case. */
const Report = z.record(z.string(), CaseRecord);
export type Report = z.infer<typeof Report>;

/** An earlier report; empty when there is no such file. Throws when it is no report. */
export function readReport(file: string | URL): Report {
  return existsSync(file) ? Report.parse(JSON.parse(readFileSync(file, "utf8"))) : {};
}

/** Cases that were measured again replace what was recorded of them; the others stay. */
export function merged(recorded: Report, measured: Report): Report {
  return { ...recorded, ...measured };
}

/** Where and when, for the record of a case that begins now. */
export function circumstances(): Omit<CaseRecord, "figures"> {
  const [cpu] = cpus();
  const gib = Math.round(totalmem() / 2 ** 30);
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    commit: commit(),
    machine: `${cpus().length} x ${cpu?.model.trim() ?? "unknown processor"}, ${gib} GiB, Node.js ${process.versions.node}`,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

function commit(): string {
  const git = (...args: readonly string[]) =>
    execFileSync("git", args, { encoding: "utf8" }).trim();
  try {
    return `${git("rev-parse", "--short", "HEAD")}${git("status", "--porcelain", "src", "bench") === "" ? "" : "+"}`;
  } catch {
    // Unpacked from an archive.
    return "unknown";
  }
}
