import { z } from "zod";
import type { ProjectId } from "../../../contract/ids.ts";
import type { ImageLook } from "../../../core/server/observations.ts";
import type { Answer } from "../answers/answer.ts";
import { summary, unavailableBy } from "../answers/error-table.ts";
import { presentable } from "../http/redact.ts";
import type { ReadDeps } from "./servers.ts";

/** `GET /v2/cloudimages?id=` on the image service (ECS API notes §3.6). */
export function createImage({ calls, service, send }: ReadDeps) {
  return async function image(
    project: ProjectId,
    imageId: string,
    signal: AbortSignal,
  ): Promise<ImageLook> {
    const called = await calls.call(
      {
        operation: "image",
        method: "GET",
        project,
        path: "/v2/cloudimages",
        query: [["id", imageId]],
        service,
        send,
      },
      signal,
    );
    return called.kind === "unavailable"
      ? { ...called, kind: "unreadable" }
      : imageFrom(called.answer, imageId);
  };
}

const Image = z.looseObject({
  id: z.string(),
  status: z.string(),
  // "true" says that injection is *not* supported; any other value, or none, that it is.
  __support_fc_inject: z
    .union([z.string(), z.boolean().transform(String)])
    .nullish()
    .catch(null),
});
const Body = z.object({ images: z.array(Image) });

/** What an answer shows of an image. Pure. */
function imageFrom(answer: Answer, imageId: string): ImageLook {
  const body = answer.status === 200 && answer.code === null ? Body.safeParse(answer.json) : null;
  if (body?.success !== true) {
    return { kind: "unreadable", ...unavailableBy(answer), message: summary(answer) };
  }
  const { images } = body.data;
  if (images.length === 0) return { kind: "gone" };
  const image = images.find(({ id }) => id === imageId);
  if (image === undefined) {
    return {
      kind: "unreadable",
      ...unavailableBy({ ...answer, message: "the answer has other images" }),
    };
  }
  return {
    kind: "seen",
    active: image.status === "active",
    status: presentable(image.status, [], 40),
    injection: image.__support_fc_inject === "true" ? "unsupported" : "supported",
  };
}
