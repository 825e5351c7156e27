import { expect, it } from "vitest";
import { imageObjection } from "../../../../src/core/server/image-fitness.ts";

const SEEN = { kind: "seen", active: true, status: "active", injection: "supported" } as const;

it.each([
  ["an active image with cloud-init", SEEN],
  [
    "an image that cannot be read",
    {
      kind: "unreadable",
      waitsFor: "cloud-unavailable",
      cloudCode: null,
      message: "no answer",
      retryAfterMs: null,
    } as const,
  ],
])("nothing speaks against %s", (_name, image) => {
  expect(imageObjection(image)).toBeNull();
});

it.each([
  ["is gone", { kind: "gone" } as const, "Ecs.0031", "does not exist"],
  ["is not active", { ...SEEN, active: false, status: "deactivated" }, "Ecs.0032", "deactivated"],
  ["has no cloud-init", { ...SEEN, injection: "unsupported" } as const, null, "cloud-init"],
])("an image that %s fails the command and says so", (_name, image, code, words) => {
  const draft = imageObjection(image);
  expect(draft).toMatchObject({
    event: "failed",
    data: { class: "image-unusable", cloud_code: code, retryable: false },
  });
  expect(draft?.data["message"]).toContain(words);
});
