import { z } from "zod";
import { parseDay, parseDays, parseMinute } from "../core/brakes/window-text.ts";
import { clockOf } from "../core/brakes/wall-clock.ts";
import { jsonList, oneOf, rule, type FieldMeta } from "./fields.ts";

const EXAMPLE =
  '[{"rule":"allow","days":"Mo-Fr","start":"08:00","end":"18:00","zone":"Europe/Paris"}]';

/** `BRAKES_WINDOWS`: each window is checked field by field, and kept as it was written. */
export function windowList() {
  return jsonList(windowField(), { max: 50, example: EXAMPLE }).meta({
    accepts: "JSON list of windows",
  } satisfies FieldMeta);
}

function windowField() {
  return z
    .strictObject({
      rule: oneOf(["allow", "deny"]),
      days: checked("must be days like Mo-Fr or Sa,Su", parseDays).exactOptional(),
      start: checked("must be a time from 00:00 to 23:59", (text) =>
        text === "24:00" ? null : parseMinute(text),
      ).exactOptional(),
      end: checked("must be a time from 00:00 to 24:00", parseMinute).exactOptional(),
      zone: checked("must name a time zone, such as Europe/Paris", zoneNamed),
      from: checked("must be a day like 2026-12-20", parseDay).exactOptional(),
      until: checked("must be a day like 2026-12-20", parseDay).exactOptional(),
    })
    .superRefine(({ start = "00:00", end = "24:00", from, until }, context) => {
      if (start === end) {
        const message = "must differ from start; a whole day is 00:00 to 24:00";
        context.addIssue({ code: "custom", path: ["end"], message });
      }
      if (from !== undefined && until !== undefined && until < from) {
        const message = "must not be earlier than from";
        context.addIssue({ code: "custom", path: ["until"], message });
      }
    });
}

/** A text that `read` can read. */
function checked(message: string, read: (text: string) => unknown) {
  return z.string({ error: rule(message) }).refine((text) => read(text) !== null, message);
}

function zoneNamed(name: string): string | null {
  try {
    clockOf(name);
    return name;
  } catch {
    return null;
  }
}
