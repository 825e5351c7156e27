import type { Context } from "hono";
import { z } from "zod";
import type { Found } from "../../contract/found.ts";
import type { Page, PageMark } from "../../contract/page.ts";
import type { HealthSource } from "../../contract/http.ts";
import { Fault } from "./fault.ts";
import { storeAway } from "./store-away.ts";

/* What every list of the API has in common: its pages, its parameters, and what it says when there is none. */

const CursorContent = z.tuple([z.string(), z.number(), z.string()]);

/** The mark in a cursor that {@link cursorText} made. */
const Cursor = z
  .string()
  .max(1_000)
  .transform((given, context): PageMark => {
    try {
      const content: unknown = JSON.parse(Buffer.from(given, "base64url").toString());
      const [project, score, id] = CursorContent.parse(content);
      return { project, score, id };
    } catch {
      context.addIssue({ code: "custom", message: "must be the `next` of an answer" });
      return z.NEVER;
    }
  });

/** A parameter that is a name. */
export const name = (most: number) =>
  z.string().min(1, "must not be empty").max(most, `must have at most ${most} characters`);
/** A parameter that is one of these words. */
export const oneOf = <Word extends string>(words: readonly Word[]) =>
  z.enum(words, { error: `must be one of ${words.join(", ")}` });
/** A parameter that is a whole number. */
export const whole = (least: number, most: number) => {
  const rule = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .pipe(z.number().min(least, rule).max(most, rule));
};

export const limit = whole(1, 500)
  .optional()
  .describe("entries of a page, 1 to 500; 100 without it");
export const cursor = Cursor.optional().describe("`next` of the answer before");

/** Where an answer goes on. */
export const next = z
  .string()
  .nullable()
  .describe(
    "`cursor` of the next page; null: there is none. A page may hold fewer than `limit`, even none, and have a next one",
  );

export const DEFAULT_LIMIT = 100;

export const WRONG = {
  says: "a parameter that cannot be one: `message` names it and the rule",
  body: Fault,
};
export const NO_PROJECT = { says: "no project of this worker", body: Fault };
const AWAY = { says: "the store does not answer", body: Fault };

/** The answers of a list, by status. */
export const listAnswers = (says: string, body: z.ZodType) => ({
  200: { says, body },
  400: WRONG,
  404: NO_PROJECT,
  503: AWAY,
});

/** A page of a list as it is answered. */
export function listed<Entry>(
  context: Context,
  {
    found,
    health,
  }: { readonly found: Found<Page<Entry>>; readonly health: Pick<HealthSource, "dependencies"> },
  json: (entries: readonly Entry[]) => object,
): Response {
  switch (found.kind) {
    case "found":
      return context.json({
        ...json(found.view.entries),
        next: cursorText(found.view.next),
      });
    case "absent":
      return context.json({ error: "not-found", message: "no such project is known" }, 404);
    case "unavailable":
      return context.json(storeAway(health), 503);
  }
}

/** Reads the query, or answers which parameter breaks which rule: the value is the caller's own, and may be anything. */
export async function asked<Shape extends z.ZodType>(
  context: Context,
  shape: Shape,
  take: (query: z.output<Shape>) => Promise<Response>,
): Promise<Response> {
  const query = shape.safeParse(context.req.query());
  if (query.success) return take(query.data);
  const rules = query.error.issues.map(({ code, path, message }) =>
    code === "unrecognized_keys" ? "a parameter is not known" : `${path.join(".")} ${message}`,
  );
  return context.json({ error: "bad-request", message: rules.join("; ") }, 400);
}

/** A cursor is for giving back, not for reading. */
function cursorText(mark: PageMark | null): string | null {
  if (mark === null) return null;
  const { project, score, id } = mark;
  return Buffer.from(JSON.stringify([project, score, id])).toString("base64url");
}
