// A reporter of vitest: what became of each test, for scripts/test.mjs, as JSON in the file that TEST_REPORT names.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";

/** Vitest takes a reporter as the default export of its file. */
// oxlint-disable-next-line import/no-default-export
export default class TestReport {
  onTestRunEnd(modules, unhandledErrors) {
    const files = modules.map((module) => ({
      path: relative(module.project.vitest.config.root, module.moduleId),
      project: module.project.name,
      // It could not be loaded, or set up.
      broken: module.errors().length > 0 || suitesBroke(module.children),
      tests: [...module.children.allTests()].map((test) => ({
        name: test.fullName,
        state: test.result().state,
      })),
    }));
    const report = { files, strayErrors: unhandledErrors.length };
    writeFileSync(process.env.TEST_REPORT, JSON.stringify(report));
  }
}

function suitesBroke(children) {
  return [...children.allSuites()].some((suite) => suite.errors().length > 0);
}
