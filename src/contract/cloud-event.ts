import { z } from "zod";
import { CommandId } from "./ids.ts";

const ATTRIBUTE = "must be a text of 1-1000 characters";
const attribute = z.string({ error: ATTRIBUTE }).min(1, ATTRIBUTE).max(1000, ATTRIBUTE);

/** The attributes that every CloudEvent 1.0 must have; `id` is the command's. */
export const CloudEventAttributes = z.object({
  specversion: z.literal("1.0", { error: 'must be "1.0"' }),
  id: CommandId,
  source: attribute,
  type: attribute,
});

/** What a CloudEvent may call its data: JSON, by any of its names. */
export const JSON_MEDIA_TYPE = /^application\/([a-z0-9.+-]*\+)?json\s*(;.*)?$/i;

/** A command sent as a CloudEvent in structured mode; `data` is the command's object. */
export const StructuredCloudEvent = CloudEventAttributes.extend({
  datacontenttype: z
    .string({ error: "must be a JSON media type" })
    .regex(JSON_MEDIA_TYPE, "must be a JSON media type, for example application/json")
    .optional(),
  data: z.record(z.string(), z.unknown(), {
    error: "must be the command's JSON object itself, not a text or base64 of it",
  }),
});
