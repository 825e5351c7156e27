import { CONTRACT_EVENTS } from "../../src/contract/event-data.ts";
import { FINAL_EVENTS } from "../../src/contract/event.ts";
import type { JsonSchema } from "./json-schema.ts";

type Schemas = ReadonlyMap<string, JsonSchema>;

const MADE = "Made by `npm run docs` from the schemas in `src/contract`; do not edit.";

/** docs/contract/command.md */
export function commandPage(schemas: Schemas): string {
  return `# The command

${MADE} The same for programs: [command.schema.json](command.schema.json).
In words, with examples and the CloudEvents forms: [messages](../messages.md).

${fieldTable(schemaAt(schemas, "command.schema.json"), "needed")}`;
}

/** docs/contract/events.md */
export function eventsPage(schemas: Schemas): string {
  const [first = "accepted"] = CONTRACT_EVENTS;
  const common = commonFields(schemas);
  const sections = CONTRACT_EVENTS.map((name) => {
    const data = memberOf(schemaAt(schemas, `events/${name}.schema.json`), "data");
    const own = Object.keys(membersOf(data)).filter((key) => !common.has(key) && key !== "event");
    const rows = own.length === 0 ? "Nothing of its own.\n" : fieldTable(data, ALWAYS, own);
    const final = isFinal(name) ? " A final event." : "";
    return `## \`${name}\`\n\nSchema: [${name}.schema.json](events/${name}.schema.json).${final}\n\n${rows}`;
  });
  const envelope = schemaAt(schemas, `events/${first}.schema.json`);
  const around = Object.keys(membersOf(envelope)).filter((key) => key !== "data");
  return `# The events

${MADE} In words: [messages](../messages.md).

## Around \`data\`

CloudEvents 1.0, structured JSON.

${fieldTable(envelope, ALWAYS, around)}
## In every \`data\`

${fieldTable(memberOf(envelope, "data"), ALWAYS, [...common])}
${sections.join("\n")}
## \`operator.<action>\`

What a person did by hand, with the routing key \`operator.<action>\`; no command's event. Schema: [operator.schema.json](events/operator.schema.json).

${fieldTable(schemaAt(schemas, "events/operator.schema.json"), ALWAYS)}`;
}

/** docs/contract/http.md */
export function httpPage(document: object): string {
  const { paths } = document as {
    paths: Record<string, { get: { summary: string; responses: Record<string, Answer> } }>;
  };
  const sections = Object.entries(paths).map(([path, { get }]) => {
    const answers = Object.entries(get.responses).map(
      ([status, { description, content }]) =>
        `| ${status} | ${description.replace(/^[^:]*: /, "")} | ${membersText(content)} |\n`,
    );
    return `## \`GET ${path}\`

${sentence(get.summary)}

| status | when | members |
|---|---|---|
${answers.join("")}`;
  });
  return `# The HTTP API

${MADE} For programs: [openapi.json](openapi.json), and \`/openapi.json\` of every worker. Read-only; port \`HTTP_PORT\`.

${sections.join("\n")}`;
}

interface Answer {
  readonly description: string;
  readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>>;
}

function membersText(content: Answer["content"]): string {
  const [[type, { schema }] = ["", { schema: {} }]] = Object.entries(content);
  const names = Object.keys(membersOf(schema));
  return names.length === 0 ? type : names.map((name) => `\`${name}\``).join(", ");
}

/** Head of the column that says which members no event lacks. */
const ALWAYS = "always there";

function fieldTable(schema: JsonSchema, required: string, only?: readonly string[]): string {
  const rows = rowsOf(schema, "", only).map(
    ({ path, type, needed, says }) => `| \`${path}\` | ${type} | ${needed} | ${says} |\n`,
  );
  return `| field | type | ${required} | meaning |\n|---|---|---|---|\n${rows.join("")}`;
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly needed: string;
  readonly says: string;
}

function rowsOf(schema: JsonSchema, above: string, only?: readonly string[]): Row[] {
  const required = (schema["required"] ?? []) as readonly string[];
  return Object.entries(membersOf(schema))
    .filter(([name]) => only?.includes(name) ?? true)
    .flatMap(([name, member]) => {
      const path = `${above}${name}`;
      const needed = required.includes(name) ? "yes" : "";
      const row = { path, type: typeText(member), needed, says: meaning(member) };
      const items = (member["items"] ?? {}) as JsonSchema;
      return [row, ...rowsOf(member, `${path}.`), ...rowsOf(items, `${path}[].`)];
    });
}

function typeText(schema: JsonSchema): string {
  if ("const" in schema) return `\`${JSON.stringify(schema["const"])}\``;
  if (Array.isArray(schema["enum"])) return schema["enum"].map((one) => `\`${one}\``).join(", ");
  if ("not" in schema) return "nothing";
  if (schema["format"] === "date-time") return "instant";
  const types = [schema["type"] ?? "anything"].flat() as string[];
  return types.join(" or ");
}

function meaning(schema: JsonSchema): string {
  const { description, "x-known-values": known, pattern } = schema;
  const [shortest, longest] = [Number(schema["minLength"]), Number(schema["maxLength"])];
  const items = (schema["items"] ?? {}) as JsonSchema;
  const values = [known, items["x-known-values"], items["enum"]].find(
    (list) => Array.isArray(list) && list.length > 0,
  ) as readonly string[] | undefined;
  const said = [
    description,
    values && `known values: ${values.map((value) => `\`${value}\``).join(", ")}`,
    typeof pattern === "string" &&
      pattern.length < 80 &&
      `matches \`${pattern.replaceAll("|", "\\|")}\``,
    shortest === longest && `${shortest} characters`,
    shortest !== longest && longest >= 0 && `at most ${longest} characters`,
  ];
  return said.filter((part) => typeof part === "string").join(". ");
}

/** Members that the `data` of every event has. */
function commonFields(schemas: Schemas): ReadonlySet<string> {
  const lists = CONTRACT_EVENTS.map((name) => {
    const data = memberOf(schemaAt(schemas, `events/${name}.schema.json`), "data");
    return new Set(Object.keys(membersOf(data)));
  });
  const [first = new Set<string>()] = lists;
  return new Set([...first].filter((key) => lists.every((list) => list.has(key))));
}

function isFinal(name: string): boolean {
  return FINAL_EVENTS.some((one) => one === name);
}

function schemaAt(schemas: Schemas, path: string): JsonSchema {
  const schema = schemas.get(path);
  if (schema === undefined) throw new Error(`no schema ${path}`);
  return schema;
}

function memberOf(schema: JsonSchema, name: string): JsonSchema {
  return membersOf(schema)[name] ?? {};
}

function membersOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return (schema["properties"] ?? {}) as Readonly<Record<string, JsonSchema>>;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
