// Runs vitest and ends with one line that a person and a script can read: "N passed, N failed" (", N skipped").
// Fails also when no test ran, which vitest by itself may call a success. Test files on real servers that failed are run
// once more, one after the other. What passed only then and what failed in the end is listed before the last line.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseCLI } from "vitest/node";
import { filesToRunAgain, verdict } from "./test-verdict.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ecs-test-report-"));
let child;
let stopped = false;
// Ctrl-C reaches vitest too, which then stops what it started: wait for that.
process.on("SIGINT", () => (stopped = true));
process.on("SIGTERM", () => {
  stopped = true;
  child?.kill("SIGTERM");
});

const args = process.argv.slice(2);
const first = await vitest(args);
const { paths, tooMany } =
  first.report === undefined || stopped ? { paths: [], tooMany: 0 } : filesToRunAgain(first.report);
if (tooMany > 0) console.log(`${tooMany} files failed: not by chance, so none is run again.`);
const again =
  paths.length > 0 ? await vitest(onlyFiles(paths), { TEST_FILES_AT_ONCE: "1" }) : undefined;
rmSync(folder, { recursive: true, force: true });

const { passed, skipped, failures, onlyAgain, ...counted } = verdict(
  first.report ?? { files: [], strayErrors: 0 },
  again?.report,
);
// Vitest may fail for what no report names: a threshold, or its own end.
const { exitCode } = again ?? first;
const failed = counted.failed === 0 && exitCode !== 0 ? 1 : counted.failed;

if (passed + failed + skipped === 0) console.log("No test ran.");
list("passed only when run again", onlyAgain);
list("failed", failures);
const counts = [`${passed} passed`, `${failed} failed`];
if (skipped > 0) counts.push(`${skipped} skipped`);
console.log(counts.join(", "));
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

function list(what, names) {
  if (names.length === 0) return;
  console.log(`\n${what}: ${names.length}`);
  for (const name of names) console.log(`  ${name}`);
  console.log("");
}

/** Answers vitest's exit code, and what it reported if it came to its end. */
async function vitest(given, env = {}) {
  const reportFile = join(folder, "report.json");
  rmSync(reportFile, { force: true });
  const reporters = ["--reporter=default", `--reporter=${join(root, "scripts/test-report.mjs")}`];
  child = spawn(
    process.execPath,
    [join(root, "node_modules/vitest/vitest.mjs"), "run", ...reporters, ...given],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...env, TEST_REPORT: reportFile },
    },
  );
  const exitCode = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
  return { exitCode, report: readReport(reportFile) };
}

/** The arguments of the first run, with these files in place of those that it named. */
function onlyFiles(files) {
  const { filter } = parseCLI(["vitest", "run", ...args]);
  return [...args.filter((arg) => !filter.includes(arg)), ...files];
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
