import { afterEach } from "vitest";
import { explainFailed } from "./failure-report.ts";

// Vitest's setup file of the projects that have stages. Set up first, it runs after the hooks of the file itself.
afterEach(async ({ task }) => {
  await explainFailed(task.result?.state === "fail" ? (task.result.errors ?? []) : []);
});
