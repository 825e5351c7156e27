import { Group } from "../contract/command.ts";
import { ProjectId } from "../contract/ids.ts";
import { z } from "zod";
import { type FieldMeta, jsonList, text, uniqueList, whole } from "./fields.ts";

const EXAMPLE = '[{"user":"node-healer","per_hour":20}]';

/** `BRAKES_SENDERS`: each broker user once. */
export function senderList() {
  return jsonList(senderField(), { max: 200, example: EXAMPLE })
    .superRefine((senders, context) => {
      const seen = new Set<string>();
      for (const [index, { user }] of senders.entries()) {
        if (seen.has(user)) {
          const message = "must be named once";
          context.addIssue({ code: "custom", path: [index, "user"], message });
        }
        seen.add(user);
      }
    })
    .meta({ accepts: "JSON list of broker users" } satisfies FieldMeta);
}

function senderField() {
  return z.strictObject({
    user: text(/^[^\0\r\n]{1,255}$/, "must be the name of a broker user, 1-255 characters"),
    projects: uniqueList(ProjectId, { min: 1, max: 1000 }).exactOptional(),
    groups: uniqueList(Group, { min: 1, max: 1000 }).exactOptional(),
    per_hour: whole("starts", 1, 10_000).exactOptional(),
  });
}
