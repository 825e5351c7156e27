// What a run of the tests comes to, when some of its files were run again. A report is what scripts/test-report.mjs writes.

/** Their tests run on real servers and may fail by the machine's load; the others give the same result each time. */
const ON_SERVERS = ["contract", "integration", "fault"];

/** More files than this do not fail by chance. */
export const MOST_FILES_AGAIN = 8;

/** The failed files that are worth another run; `tooMany` of them are not. */
export function filesToRunAgain(report) {
  const paths = report.files
    .filter((file) => ON_SERVERS.includes(file.project) && hasFailed(file))
    .map((file) => file.path);
  return paths.length > MOST_FILES_AGAIN
    ? { paths: [], tooMany: paths.length }
    : { paths, tooMany: 0 };
}

/**
 * Counts of both runs together: of a file that was run again the second run counts. `onlyAgain`: the names of what
 * failed first and passed then, `failures`: of what failed in the end. A file that could not be set up, and each error
 * outside of any test, is a failure.
 */
export function verdict(first, again) {
  const second = new Map((again?.files ?? []).map((file) => [keyOf(file), file]));
  const counts = { passed: 0, failed: first.strayErrors + (again?.strayErrors ?? 0), skipped: 0 };
  const onlyAgain = [];
  const failures = [];
  for (const before of first.files) {
    const after = second.get(keyOf(before));
    const file = after === undefined || after.tests.length === 0 ? before : after;
    for (const { state } of file.tests) {
      if (state === "passed") counts.passed += 1;
      else if (state === "failed") counts.failed += 1;
      else counts.skipped += 1;
    }
    if (isBroken(file)) counts.failed += 1;
    failures.push(...failed(file));
    if (file === after) onlyAgain.push(...mended(before, after));
  }
  return { ...counts, failures, onlyAgain };
}

function mended(before, after) {
  const passes = new Set(after.tests.filter(isPassed).map(({ name }) => nameOf(after, name)));
  const names = failed(before).filter((name) => passes.has(name));
  return isBroken(before) && !isBroken(after) ? [...names, setUpOf(before)] : names;
}

function failed(file) {
  const names = file.tests.filter(isFailed).map(({ name }) => nameOf(file, name));
  return isBroken(file) ? [...names, setUpOf(file)] : names;
}

const nameOf = ({ path }, test) => `${path} > ${test}`;
const setUpOf = ({ path }) => `${path} (its set-up)`;

const isPassed = ({ state }) => state === "passed";
const isFailed = ({ state }) => state === "failed";
/** Its tests do not tell: none of them failed. */
const isBroken = (file) => file.broken && !file.tests.some(isFailed);
const hasFailed = (file) => file.broken || file.tests.some(isFailed);
const keyOf = ({ project, path }) => `${project} ${path}`;
