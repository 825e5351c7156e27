import { expect, it } from "vitest";
import { stormEndOf } from "../../../../src/core/brakes/storm.ts";
import type { FinalDraft } from "../../../../src/core/messages/events.ts";

const failed = (failure: string, code: string | null = "Ecs.1"): FinalDraft => ({
  event: "failed",
  data: { class: failure, cloud_code: code },
});

it.each<[string, FinalDraft, string]>([
  ["a job that failed", failed("job-failed"), "job-failed Ecs.1"],
  ["a server left broken", failed("server-broken", null), "server-broken"],
  [
    "a server that does not answer after its reinstall",
    { event: "succeeded", data: { ready: false } },
    "not-ready",
  ],
  ["an end that nobody knows", { event: "unresolved", data: {} }, "unresolved"],
])("counts %s", (_what, draft, cause) => {
  expect(stormEndOf(draft, false)).toEqual({ result: "failure", cause });
});

it.each([{}, { ready: true }])("counts a success: %j", (data) => {
  const draft: FinalDraft = { event: "succeeded", data };
  expect(stormEndOf(draft, false)).toMatchObject({ result: "success" });
});

it.each<[string, FinalDraft, boolean]>([
  ["a job that failed by the command's own fault", failed("job-failed"), true],
  ["what the cloud refused", failed("key-pair"), false],
  ["what is proven not to have been carried out", failed("not-executed"), false],
  ["what a person ended", { event: "cancelled", data: {} }, false],
  ["what was too late", { event: "expired", data: {} }, false],
])("does not count %s", (_what, draft, emittersFault) => {
  expect(stormEndOf(draft, emittersFault)).toBeNull();
});
