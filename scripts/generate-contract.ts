// Writes docs/contract: `npx tsx scripts/generate-contract.ts`. A unit test compares. Refuses a change that breaks somebody.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CommandBody } from "../src/contract/command.ts";
import { CONTRACT_EVENTS, EVENTS } from "../src/contract/event-data.ts";
import { OperatorEvent } from "../src/contract/operator-event.ts";
import { ROUTES } from "../src/observe/http/http-routes.ts";
import { openApi } from "../src/observe/http/openapi.ts";
import { asyncApi } from "./contract/asyncapi.ts";
import { breaks } from "./contract/compatibility.ts";
import { type JsonSchema, wireSchema } from "./contract/json-schema.ts";
import { commandPage, eventsPage, httpPage } from "./contract/pages.ts";

/** Where the files are kept. */
export const CONTRACT_FOLDER = new URL("../docs/contract/", import.meta.url);

/** Every generated file of docs/contract: its path there, and its text. */
export function contractFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [path, schema] of schemas()) files.set(path, json(schema));
  files.set("asyncapi.json", json(asyncApi()));
  files.set("openapi.json", json(openApi(ROUTES)));
  files.set("command.md", commandPage(schemas()));
  files.set("events.md", eventsPage(schemas()));
  files.set("http.md", httpPage(openApi(ROUTES)));
  return files;
}

/** What breaks an emitter or a reader, compared with the schemas that are checked in: one line each. */
export function contractBreaks(): string[] {
  const now = schemas();
  return checkedIn().flatMap((path) => {
    const old = JSON.parse(readFileSync(new URL(path, CONTRACT_FOLDER), "utf8")) as JsonSchema;
    const schema = now.get(path);
    if (schema === undefined) return [`${path}: was removed`];
    const direction = path === COMMAND ? "written-to-us" : "written-by-us";
    return breaks(old, schema, direction).map((line) => `${path}: ${line}`);
  });
}

const COMMAND = "command.schema.json";
const OPERATOR = "events/operator.schema.json";

function schemas(): ReadonlyMap<string, JsonSchema> {
  const found = new Map<string, JsonSchema>();
  const add = (path: string, id: string, title: string, schema: JsonSchema) => {
    const $schema = "https://json-schema.org/draft/2020-12/schema";
    found.set(path, { $schema, $id: `urn:ecs-reinstall-worker:${id}:v1`, title, ...schema });
  };
  add(COMMAND, "command", "the command", wireSchema(CommandBody, "draft-2020-12"));
  for (const name of CONTRACT_EVENTS) {
    const schema = wireSchema(EVENTS[name], "draft-2020-12");
    add(`events/${name}.schema.json`, `event:${name}`, `the event ${name}`, schema);
  }
  const byHand = wireSchema(OperatorEvent, "draft-2020-12");
  add(OPERATOR, "event:operator", "what a person did by hand", byHand);
  return found;
}

function checkedIn(): string[] {
  return readdirSync(CONTRACT_FOLDER, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".schema.json"))
    .toSorted();
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  mkdirSync(CONTRACT_FOLDER, { recursive: true });
  const broken = contractBreaks();
  if (broken.length > 0) {
    throw new Error(`breaks the contract (docs/contract/README.md):\n${broken.join("\n")}`);
  }
  for (const [path, text] of contractFiles()) {
    const file = fileURLToPath(new URL(path, CONTRACT_FOLDER));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
