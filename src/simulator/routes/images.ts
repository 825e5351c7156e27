import { jsonAnswer } from "../requests/answers.ts";
import type { CloudState, ImageRecord } from "../cloud/cloud-state.ts";
import { path, type Route } from "./route.ts";

/** The corner of the image service that tells about cloud-init: ECS API reference notes §3.6. */
export function imageRoutes(state: CloudState): Route[] {
  return [
    {
      method: "GET",
      pattern: path("/v2/cloudimages"),
      shape: "service",
      access: "any",
      target: () => ({ operation: "image" }),
      answer({ query }) {
        const id = query.get("id");
        const found = [...state.images.values()].filter((one) => id === null || one.id === id);
        return jsonAnswer(200, { images: found.map(imageView) });
      },
    },
  ];
}

function imageView(image: ImageRecord) {
  return {
    id: image.id,
    name: image.name,
    status: image.status,
    visibility: "private",
    min_disk: 40,
    min_ram: 0,
    __os_type: image.osType,
    __os_bit: "64",
    __imagetype: "private",
    ...(image.supportFcInject !== null && { __support_fc_inject: image.supportFcInject }),
  };
}
