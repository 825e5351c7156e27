import { describe, expect, it } from "vitest";
import { readCommand } from "../../../../src/core/intake/intake.ts";
import { BODY, COMMAND, HOUR, INTAKE_RULES, NOW, PROJECT, SERVER } from "../builders.ts";

const RULES = { ...INTAKE_RULES, projects: [PROJECT] };
const LATER = "2026-11-24T15:00:00Z";

function take(changed: object, rules = RULES, properties = {}) {
  const fields = { command_id: COMMAND, server_id: SERVER, "os-reinstall": BODY, ...changed };
  const body = Buffer.from(JSON.stringify(fields));
  return readCommand({ body, contentType: "application/json", ...properties }, NOW, rules);
}

function order(changed: object, properties = {}) {
  const intake = take(changed, RULES, properties);
  if (intake.kind !== "understood") throw new Error(JSON.stringify(intake.problems));
  return intake.order;
}

function problems(changed: object, rules = RULES) {
  const intake = take(changed, rules);
  return intake.kind === "understood" ? [] : intake.problems;
}

const named = (changed: object, rules = RULES) =>
  problems(changed, rules).map(({ path, code }) => `${path}: ${code}`);

describe("not_before", () => {
  it("is carried along, and the age counts from it", () => {
    expect(order({ not_before: LATER })).toMatchObject({
      notBeforeMs: NOW + 24 * HOUR,
      expiresAtMs: NOW + 48 * HOUR,
    });
  });

  it("in the past changes nothing about the age", () => {
    expect(order({ not_before: "2026-11-20T15:00:00Z" }).expiresAtMs).toBe(NOW + 24 * HOUR);
  });

  it("leaves an expiry of the command's own as it is", () => {
    const own = { not_before: LATER, expires_at: "2026-11-24T15:00:01Z" };
    expect(order(own).expiresAtMs).toBe(NOW + 24 * HOUR + 1_000);
  });

  it("never makes a command live longer than its id is remembered", () => {
    const last = "2026-11-30T14:59:59Z";
    expect(order({ not_before: last }).expiresAtMs).toBe(NOW + 7 * 24 * HOUR);
  });

  it.each([
    [{ not_before: LATER, expires_at: LATER }, "not_before: not-before-expiry"],
    [{ not_before: LATER, expires_at: "2026-11-23T16:00:00Z" }, "not_before: not-before-expiry"],
    [{ not_before: "2026-11-30T15:00:00Z" }, "not_before: too-far-ahead"],
    [{ not_before: "9999-12-31T23:59:59Z" }, "not_before: too-far-ahead"],
    [{ not_before: "tomorrow" }, "not_before: invalid_format"],
    [{ not_before: 5 }, "not_before: invalid_type"],
  ])("is refused in %j", (changed, problem) => {
    expect(named(changed)).toEqual([problem]);
  });
});

describe("group", () => {
  it.each(["a", "pool.blue_2-x", "g".repeat(64)])("is carried along: %s", (group) => {
    expect(order({ group }).group).toBe(group);
  });

  it.each(["", "two words", "g".repeat(65), "größe", "a/b", 7, ["a"]])(
    "is refused: %j",
    (group) => {
      expect(problems({ group })).toMatchObject([{ path: "group" }]);
    },
  );

  it("is in the answer to a command that is refused for another field", () => {
    const intake = take({ group: "blue", server_id: 1 });
    expect(intake.kind === "refused" && intake.subject.group).toBe("blue");
  });
});

describe("override", () => {
  const why = { reason: "maintenance" };

  it("is carried along where this worker allows it", () => {
    expect(order({ override: ["windows", "windows"], ...why }).override).toEqual(["windows"]);
  });

  it("of nothing is no override, and needs no reason", () => {
    expect(order({ override: [] }).override).toBeUndefined();
  });

  it.each(["cooldown", "quarantine", "source", "pause", "protected", "storm-failures"])(
    "of %s is refused, with the list of what is allowed",
    (brake) => {
      const [problem, ...more] = problems({ override: ["windows", brake], ...why });
      expect(more).toEqual([]);
      expect(problem).toMatchObject({ path: "override", code: "not-overridable" });
      expect(problem?.message).toContain(`names ${brake},`);
      expect(problem?.message).toContain("allowed: windows");
    },
  );

  it("is taken as far as the configuration goes", () => {
    const rules = { ...RULES, overridable: ["cooldown" as const] };
    expect(named({ override: ["cooldown"], ...why }, rules)).toEqual([]);
    expect(named({ override: ["windows"], ...why }, rules)).toEqual(["override: not-overridable"]);
    const none = problems({ override: ["windows"], ...why }, { ...RULES, overridable: [] });
    expect(none[0]?.message).toContain("allowed: none");
  });

  it.each([{}, { reason: "" }, { reason: "  " }])("needs a reason: %j", (said) => {
    expect(named({ override: ["windows"], ...said })).toEqual(["reason: override-needs-reason"]);
  });

  it.each([[["brake"]], ["windows"], [[1]], [{ windows: true }]])(
    "is refused, with the list of what can be allowed: %j",
    (override) => {
      const [problem] = problems({ override, ...why });
      expect(problem?.path).toMatch(/^override/);
      expect(problem?.message).toContain("can be cooldown, quarantine, windows, source");
    },
  );
});

describe("the content of a command", () => {
  it("has the hash that it always had when it has none of these fields", () => {
    expect(order({}).contentHash).toBe(
      "7881371cf68bcb19e9587942503ca6d813c98ac756908afad2b6230041c384a6",
    );
  });

  it.each([{ not_before: LATER }, { group: "blue" }, { override: ["windows"], reason: "r" }])(
    "is another with %j",
    (changed) => {
      const { reason } = { reason: undefined, ...changed };
      expect(order(changed).contentHash).not.toBe(order({ reason }).contentHash);
    },
  );
});
