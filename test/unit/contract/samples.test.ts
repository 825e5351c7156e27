import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CONTRACT_EVENTS, EVENTS } from "../../../src/contract/event-data.ts";
import { OperatorEvent } from "../../../src/contract/operator-event.ts";
import { OPERATOR_ACTIONS } from "../../../src/contract/operator-actions.ts";
import { readCommand } from "../../../src/core/intake/intake.ts";
import { INTAKE_RULES, NOW, PROJECT } from "../core/builders.ts";

const FOLDER = new URL("../../contract/samples/", import.meta.url);
const names = readdirSync(FOLDER);
const bytesOf = (name: string) => readFileSync(new URL(name, FOLDER));
const named = (start: string) => names.filter((name) => name.startsWith(start));

function take(name: string) {
  const contentType = name.includes("cloudevent")
    ? "application/cloudevents+json"
    : "application/json";
  const rules = { ...INTAKE_RULES, projects: [PROJECT] };
  return readCommand({ body: bytesOf(name), contentType }, NOW, rules);
}

describe("the sample commands", () => {
  it("are there", () => {
    expect(named("command-").length).toBeGreaterThanOrEqual(5);
  });

  it.each(named("command-"))("%s is understood, to the last field", (name) => {
    expect(take(name)).toMatchObject({ kind: "understood", unknownFields: 0 });
  });

  it.each([
    [
      "command-api-example-password.json",
      { userid: "7e25b1da389f4697a79df3a0e5bd494e", mode: "withStopServer" },
    ],
    [
      "command-api-example-key.json",
      { keyname: "KeyPair-350b", userid: "7e25b1da389f4697a79df3a0e5bd494e" },
    ],
  ])("%s holds an example of the API page, unchanged", (name, body) => {
    const intake = take(name);
    expect(JSON.parse(bytesOf(name).toString())).toMatchObject({ "os-reinstall": body });
    expect(intake.kind === "understood" && intake.body).toEqual(body);
  });

  it("refused-adminpass.json is refused, and its password is kept nowhere", () => {
    const intake = take("refused-adminpass.json");
    expect(intake).toMatchObject({
      kind: "refused",
      problems: [{ path: "os-reinstall.adminpass", code: "adminpass-refused" }],
    });
    expect(bytesOf("refused-adminpass.json").toString()).toContain("planted-secret-1");
    expect(JSON.stringify(intake)).not.toContain("planted-secret-1");
  });
});

describe("the sample events", () => {
  it("are one of each kind", () => {
    expect(named("event-").toSorted()).toEqual(
      CONTRACT_EVENTS.map((event) => `event-${event}.json`).toSorted(),
    );
  });

  it.each(CONTRACT_EVENTS)("%s is what the contract says", (name) => {
    const value = JSON.parse(bytesOf(`event-${name}.json`).toString()) as unknown;
    const event = EVENTS[name].parse(value);
    expect(event).toEqual(value);
    expect(event.type).toBe(`ecs.reinstall.${name}.v1`);
    expect(event.data.event).toBe(name);
    expect(event.id.endsWith(`/${event.data.sequence}`)).toBe(true);
  });
});

describe("the sample actions of people", () => {
  it("are one of each kind", () => {
    const kinds = OPERATOR_ACTIONS.map((action) => `operator-${action}.json`);
    expect(named("operator-").toSorted()).toEqual(kinds.toSorted());
  });

  it.each(OPERATOR_ACTIONS)("%s is what the contract says", (action) => {
    const value = JSON.parse(bytesOf(`operator-${action}.json`).toString()) as unknown;
    const event = OperatorEvent.parse(value);
    expect(event).toEqual(value);
    expect([event.type, event.data.action]).toEqual([
      `ecs.reinstall.operator.${action}.v1`,
      action,
    ]);
  });
});
