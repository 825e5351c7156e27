import { afterAll, afterEach } from "vitest";
import { explainFailed, forgetStages } from "./failure-report.ts";

// Vitest's setup file of the projects that have stages. Set up first, it runs after the hooks of the file itself.
afterEach(async ({ task }) => {
  await explainFailed(task.result?.state === "fail" ? (task.result.errors ?? []) : []);
});
// The next file may run in this process.
afterAll(forgetStages);
