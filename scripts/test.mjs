// Runs vitest and ends with one line that a person and a script can read: "N passed, N failed" (", N skipped").
// Fails also when no test ran, which vitest by itself may call a success.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ecs-test-report-"));
const reportFile = join(folder, "report.json");

const exitCode = await vitest([
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${reportFile}`,
  ...process.argv.slice(2),
]);
const found = report();
const { passed, failed, skipped } = tally(found, exitCode);
rmSync(folder, { recursive: true, force: true });

if (!found?.numTotalTests) console.log("No test ran.");
const counts = [`${passed} passed`, `${failed} failed`];
if (skipped > 0) counts.push(`${skipped} skipped`);
console.log(counts.join(", "));
process.exitCode = failed > 0 || passed === 0 ? 1 : exitCode;

/** Answers its exit code. Ctrl-C reaches vitest too, which then stops what it started: wait for that. */
function vitest(args) {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => undefined);
  const child = spawn(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

function report() {
  try {
    return JSON.parse(readFileSync(reportFile, "utf8"));
  } catch {
    return undefined;
  }
}

/** A file that could not be loaded, and an error outside of any test, each count as a failure. */
function tally(found, code) {
  const passed = found?.numPassedTests ?? 0;
  const skipped = (found?.numPendingTests ?? 0) + (found?.numTodoTests ?? 0);
  const broken = (found?.testResults ?? []).filter(
    (file) =>
      file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  const known = (found?.numFailedTests ?? 0) + broken.length;
  return { passed, skipped, failed: known === 0 && code !== 0 ? 1 : known };
}
