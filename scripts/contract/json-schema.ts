import { z } from "zod";

/** A JSON Schema as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * The JSON Schema (2020-12) of what is on the wire, before any transformation; or that of draft 7, which AsyncAPI has.
 * Members that it does not name are allowed: both sides add some within a version.
 */
export function wireSchema(schema: z.ZodType, target: "draft-2020-12" | "draft-7"): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io: "input",
    target,
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      tidy(jsonSchema);
      if (target === "draft-7") older(jsonSchema);
    },
  });
  return rest;
}

function tidy(schema: Record<string, unknown>): void {
  // `format` says it; the library's pattern is half a kilobyte.
  if (schema["format"] === "date-time") delete schema["pattern"];
  if (schema["maximum"] === Number.MAX_SAFE_INTEGER) delete schema["maximum"];
  nullable(schema);
}

/** `anyOf: [{type: string, …}, {type: null}]` in one. */
function nullable(schema: Record<string, unknown>): void {
  const branches = schema["anyOf"];
  if (!Array.isArray(branches) || branches.length !== 2) return;
  const [some, none] = branches as JsonSchema[];
  if (none?.["type"] !== "null" || typeof some?.["type"] !== "string" || "enum" in some) return;
  delete schema["anyOf"];
  const described = schema["description"] ?? some["description"];
  Object.assign(schema, some, { type: [some["type"], "null"] });
  if (described !== undefined) schema["description"] = described;
}

/** Draft 7 has one word for what is needed beside a member. */
function older(schema: Record<string, unknown>): void {
  const { dependentRequired, dependentSchemas } = schema;
  delete schema["dependentRequired"];
  delete schema["dependentSchemas"];
  if (dependentRequired === undefined && dependentSchemas === undefined) return;
  schema["dependencies"] = { ...(dependentRequired as object), ...(dependentSchemas as object) };
}
