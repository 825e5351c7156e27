import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readCommand } from "../../../../../src/core/intake/intake.ts";
import type { RawCommand } from "../../../../../src/core/intake/reading/raw-command.ts";
import { repeatedNames } from "../../../../../src/core/intake/reading/repeated-names.ts";
import { BODY, COMMAND, INTAKE_RULES, NOW, PROJECT, SERVER } from "../../builders.ts";

const OTHER = "11111111-2222-4333-8444-555555555555";
const FIELDS = { command_id: COMMAND, server_id: SERVER, "os-reinstall": BODY };
const TEXT = JSON.stringify(FIELDS);
const INSIDE = TEXT.slice(1, -1);
const EVENT = { contentType: "application/cloudevents+json" };
const BINARY = {
  headers: {
    "cloudEvents:specversion": "1.0",
    "cloudEvents:id": COMMAND,
    "cloudEvents:source": "/healer",
    "cloudEvents:type": "reinstall",
  },
};

function refusal(text: string, properties: Partial<RawCommand> = {}) {
  const raw = { body: Buffer.from(text), contentType: "application/json", ...properties };
  const answer = readCommand(raw, NOW, { ...INTAKE_RULES, projects: [PROJECT] });
  if (answer.kind !== "refused") throw new Error("it was understood");
  const problems = answer.problems.map(({ path, code }) => `${path}: ${code}`);
  return { ...answer.subject, problems, copy: JSON.stringify(answer.copy) };
}

describe("a name that an object has twice", () => {
  it.each([
    ["at the top", `{"dry_run":true,${INSIDE},"dry_run":false}`, "dry_run"],
    ["with the same value", `{"dry_run":true,${INSIDE},"dry_run":true}`, "dry_run"],
    ["escaped", `{"dry_run":true,${INSIDE},"dry\\u005frun":false}`, "dry_run"],
    ["that nobody reads", `{"note":1,${INSIDE},"note":2}`, "note"],
    [
      "further in",
      TEXT.replace('"keyname"', '"keyname":"another","keyname"'),
      "os-reinstall.keyname",
    ],
    ["in a list", `{"list":[[],{"a":[1,2],"a":"]"}],${INSIDE}}`, "list.1.a"],
    ["an object", `{"os-reinstall":{"mode":"withStopServer"},${INSIDE}}`, "os-reinstall"],
  ])("is refused and named: %s", (_, text, path) => {
    const { problems, commandId, serverId } = refusal(text);
    expect(problems).toEqual([`${path}: repeated`]);
    expect({ commandId, serverId }).toEqual({ commandId: COMMAND, serverId: SERVER });
  });

  it("is shown to be odd, and not shown, where it is", () => {
    const { problems } = refusal(`{"a\\nb":1,"a\\nb":2,"a\\nb":3,${INSIDE}}`);
    expect(problems).toEqual([expect.stringMatching(/^\(name of 3 characters.*: repeated$/)]);
  });

  it("is one of thousands, of which an answer names some", () => {
    const names = Array.from({ length: 5_000 }, (_, i) => `"n${i}":1,"n${i}":2`).join();
    const { problems, serverId } = refusal(`{${names},${INSIDE}}`);
    expect(problems).toHaveLength(50);
    expect(serverId).toBe(SERVER);
  });

  it("leaves it open which server, project or command is meant", () => {
    const server = refusal(`{"server_id":"${OTHER}",${INSIDE}}`);
    expect(server).toMatchObject({ problems: ["server_id: repeated"], serverId: null });
    expect(server.copy).not.toContain(SERVER);
    const command = refusal(`{"command_id":"another",${INSIDE}}`);
    expect(command.problems).toEqual(["command_id: repeated"]);
    expect(command.commandId).toMatch(/^unidentified-/);
  });

  it("is found in a CloudEvent, which keeps its id", () => {
    const around = `"specversion":"1.0","id":"${COMMAND}","source":"/healer","type":"reinstall"`;
    const { command_id: _id, ...data } = FIELDS;
    const inside = JSON.stringify(data).slice(1);
    const twice = `{"dry_run":true,"dry_run":false,${inside}`;
    expect(refusal(`{${around},"data":${twice}}`, EVENT)).toMatchObject({
      problems: ["data.dry_run: repeated"],
      commandId: COMMAND,
      projectId: PROJECT,
      serverId: SERVER,
    });
    expect(refusal(`{"id":"another",${around},"data":{${inside}}`, EVENT)).toMatchObject({
      problems: ["id: repeated"],
      commandId: expect.stringMatching(/^unidentified-/),
    });
    expect(refusal(twice, BINARY)).toMatchObject({
      problems: ["dry_run: repeated"],
      commandId: COMMAND,
    });
  });
});

describe("names that are the same in different objects, or in texts,", () => {
  it("are nobody's mistake", () => {
    const written = (value: unknown) => JSON.stringify(value, null, 1);
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
        expect(repeatedNames(written([value, { value, also: value }]))).toEqual([]);
        // An object once more behind itself has each of its names twice, and nothing else has.
        const object = { ...Object(value) } as Record<string, unknown>;
        const text = JSON.stringify(object);
        const inside = text.slice(1, -1);
        const twice = inside === "" ? text : `{${inside},${inside}}`;
        expect(repeatedNames(twice)).toEqual(Object.keys(object).map((name) => [name]));
      }),
    );
  });
});
