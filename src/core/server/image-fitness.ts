import { type FinalDraft, failed } from "../messages/events.ts";
import type { ImageLook } from "./observations.ts";

/**
 * Why a server's image does not allow a reinstall; null: nothing speaks against it. The image is needed again, and
 * must be able to take the key or `user_data` (ECS API notes §1.6, §3.6). One that cannot be read is no objection:
 * the cloud itself looks before it acts.
 */
export function imageObjection(image: ImageLook): FinalDraft | null {
  switch (image.kind) {
    case "unreadable":
      return null;
    case "gone":
      return unusable("Ecs.0031", "the server's image does not exist any more");
    case "seen":
      if (!image.active) return unusable("Ecs.0032", `the server's image is ${image.status}`);
      if (image.injection === "supported") return null;
      return unusable(
        null,
        "the server's image has no cloud-init: no key and no user_data would be injected",
      );
  }
}

function unusable(cloudCode: string | null, message: string): FinalDraft {
  return failed({
    class: "image-unusable",
    cloudCode,
    message,
    retryable: false,
    nextStep: "Change the server's OS to an active image with cloud-init, or restore its image.",
  });
}
