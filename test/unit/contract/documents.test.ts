import { readdirSync, readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { describe, expect, it } from "vitest";
import {
  CONTRACT_FOLDER,
  contractBreaks,
  contractFiles,
} from "../../../scripts/generate-contract.ts";
import { CONTRACT_EVENTS } from "../../../src/contract/event-data.ts";
import { readCommand } from "../../../src/core/intake/intake.ts";
import { INTAKE_RULES, NOW, PROJECT } from "../core/builders.ts";

const SAMPLES = new URL("../../contract/samples/", import.meta.url);
const sampleNames = readdirSync(SAMPLES);

function sample(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(name, SAMPLES), "utf8")) as Record<string, unknown>;
}

const ajv = new Ajv2020({ allErrors: true, strictRequired: false, strictTypes: false });
ajv.addKeyword("x-known-values");
formats.default(ajv);
const files = contractFiles();

function faultsOf(path: string, value: unknown): string[] {
  const schema = JSON.parse(files.get(path) ?? "") as { $id: string };
  const validate = ajv.getSchema(schema.$id) ?? ajv.compile(schema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map((e) => `${e.instancePath} ${e.message}`);
}

describe("docs/contract", () => {
  it.each([...files.keys()])("%s is up to date: else run `npm run docs`", (path) => {
    expect(readFileSync(new URL(path, CONTRACT_FOLDER), "utf8")).toBe(files.get(path));
  });

  it("has nothing that nobody makes", () => {
    const there = readdirSync(CONTRACT_FOLDER, { recursive: true, encoding: "utf8" }).filter(
      (path) => /\.(md|json)$/.test(path) && path !== "README.md",
    );
    expect(there.toSorted()).toEqual([...files.keys()].toSorted());
  });

  it("breaks nobody who relies on what is checked in", () => {
    expect(contractBreaks()).toEqual([]);
  });
});

describe("the schema of the command", () => {
  it.each(sampleNames.filter((name) => /^command-(?!cloudevent)/.test(name)))(
    "takes %s",
    (name) => {
      expect(faultsOf("command.schema.json", sample(name))).toEqual([]);
    },
  );

  it("takes the data of a command that is a CloudEvent", () => {
    const { data } = sample("command-cloudevent.json");
    expect(faultsOf("command.schema.json", data)).toEqual([]);
  });

  const server_id = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
  const valid = { command_id: "a", server_id, "os-reinstall": { userid: "u" } };
  it.each([
    ["a password", { ...valid, "os-reinstall": { userid: "u", adminpass: "secret" } }],
    ["nobody who may log in", { ...valid, "os-reinstall": {} }],
    ["metadata without user_data alone", { ...valid, "os-reinstall": { metadata: {} } }],
    ["a key pair without its owner", { ...valid, "os-reinstall": { keyname: "k" } }],
    [
      "a key of encryption without encryption",
      { ...valid, "os-reinstall": { userid: "u", metadata: { __system__cmkid: "c".repeat(36) } } },
    ],
    ["no server", { command_id: "a", "os-reinstall": { userid: "u" } }],
    ["no UUID", { ...valid, server_id: "web-01" }],
    ["a text for a boolean", { ...valid, dry_run: "false" }],
    ["another wish", { ...valid, on_busy: "steal" }],
    ["a date for an instant", { ...valid, expires_at: "2026-11-24" }],
    ["a number for an instant", { ...valid, observed_at: 1795446000 }],
    ["an override without a reason", { ...valid, override: ["windows"] }],
    ["an override of nothing that exists", { ...valid, override: ["wall"], reason: "r" }],
    ["a group with a space", { ...valid, group: "web blue" }],
    ["a source that is too long", { ...valid, source: "s".repeat(201) }],
  ])("refuses %s, and so does the worker", (_what, command) => {
    expect(faultsOf("command.schema.json", command)).not.toEqual([]);
    const body = Buffer.from(JSON.stringify(command));
    const rules = { ...INTAKE_RULES, projects: [PROJECT] };
    expect(readCommand({ body, contentType: "application/json" }, NOW, rules).kind).toBe("refused");
  });
});

describe("the schemas of the events", () => {
  it.each(CONTRACT_EVENTS)("%s reads its sample, and one with a member more", (name) => {
    const event = sample(`event-${name}.json`);
    const path = `events/${name}.schema.json`;
    expect(faultsOf(path, event)).toEqual([]);
    const newer = { ...event, newer: 1, data: { ...(event["data"] as object), newer: {} } };
    expect(faultsOf(path, newer)).toEqual([]);
  });

  it.each(CONTRACT_EVENTS)("%s refuses its sample without any member that it needs", (name) => {
    const event = sample(`event-${name}.json`);
    const schema = JSON.parse(files.get(`events/${name}.schema.json`) ?? "") as {
      properties: { data: { required: string[] } };
    };
    for (const member of schema.properties.data.required) {
      const data = Object.fromEntries(
        Object.entries(event["data"] as object).filter(([key]) => key !== member),
      );
      expect(faultsOf(`events/${name}.schema.json`, { ...event, data })).not.toEqual([]);
    }
  });

  it("take no event for another one", () => {
    const event = sample("event-accepted.json");
    expect(faultsOf("events/waiting.schema.json", event)).not.toEqual([]);
  });
});

/** Those of the highest severity; the others are hints. */
function errorsOf<D extends { readonly severity: number }>(diagnostics: readonly D[]): D[] {
  return diagnostics.filter(({ severity }) => severity === 0);
}

describe("asyncapi.json", () => {
  const text = files.get("asyncapi.json") ?? "";

  // The official parser takes seconds on a busy machine.
  it("is a valid AsyncAPI document, its examples included", async () => {
    const { document, diagnostics } = await new Parser().parse(text);
    expect(errorsOf(diagnostics)).toEqual([]);
    const channels = document
      ?.allChannels()
      .all()
      .map((channel) => channel.id());
    expect(channels).toEqual([
      "commands",
      "commandsQueue",
      "events",
      "operator",
      "misuse",
      "replies",
      "dead",
    ]);
    expect(document?.allMessages().all()).toHaveLength(CONTRACT_EVENTS.length + 3);
  }, 60_000);

  it("would not be, with an action that is none", async () => {
    const broken = text.replace('"action": "receive"', '"action": "listen"');
    expect(broken).not.toBe(text);
    const { diagnostics } = await new Parser().parse(broken);
    expect(errorsOf(diagnostics)).not.toEqual([]);
  });

  it("shows examples that their schemas take", () => {
    const { components } = JSON.parse(text) as {
      components: { messages: Record<string, { examples?: { payload: unknown }[] }> };
    };
    for (const name of CONTRACT_EVENTS) {
      const examples = components.messages[name]?.examples ?? [];
      expect(examples.length).toBeGreaterThanOrEqual(1);
      for (const { payload } of examples)
        expect(faultsOf(`events/${name}.schema.json`, payload)).toEqual([]);
    }
  });
});

describe("openapi.json", () => {
  it("is a valid OpenAPI 3.1 document", async () => {
    const document = JSON.parse(files.get("openapi.json") ?? "") as Record<string, unknown>;
    const validator = new Validator();
    expect(await validator.validate(document)).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
    const broken = await new Validator().validate({ ...document, paths: { "/livez": { get: 1 } } });
    expect(broken.valid).toBe(false);
  });
});
