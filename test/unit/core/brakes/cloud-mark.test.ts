import { describe, expect, it } from "vitest";
import { markHold } from "../../../../src/core/brakes/cloud-mark.ts";
import { describeHold } from "../../../../src/core/brakes/hold.ts";
import { afterAdmissionLook } from "../../../../src/core/decisions/decide-admission.ts";
import type { Rules } from "../../../../src/core/rules.ts";
import {
  asFinal,
  asNext,
  candidate,
  moment,
  NOW,
  order,
  PROJECT,
  RULES,
  seen,
  server,
  state,
} from "../builders.ts";

const by = (changed: Parameters<typeof server>[0], allow: Rules["allow"] = "any") =>
  markHold(server(changed), { allow });
const said = (...args: Parameters<typeof by>) => {
  const hold = by(...args);
  if (hold === null) throw new Error("nothing holds");
  return describeHold(hold, PROJECT);
};

describe("a server's mark in the cloud", () => {
  it("lets any server go that has none, or may be reinstalled", () => {
    expect(by({})).toBeNull();
    expect(by({ mark: "allowed" })).toBeNull();
    expect(by({ mark: "allowed" }, "marked")).toBeNull();
  });

  it.each(["any", "marked"] as const)("never lets one go that says never (%s)", (allow) => {
    expect(said({ mark: "never" }, allow)).toBe(
      "the server is protected by its mark in the cloud: ecs-reinstall = never",
    );
  });

  it("needs a mark where only marked servers are reinstalled", () => {
    expect(said({}, "marked")).toContain("BRAKES_ALLOW=marked needs ecs-reinstall = allowed");
  });

  it.each([
    ["nver", "nver"],
    ["", "it is empty"],
    ["never, allowed", "never, allowed"],
    ["the server's tags cannot be read", "tags cannot be read"],
  ])("counts as never where it cannot be read, and is told: %j", (unreadMark, shown) => {
    for (const allow of ["any", "marked"] as const) {
      expect(said({ unreadMark }, allow)).toContain("cannot be read and counts as never");
      expect(said({ unreadMark }, allow)).toContain(shown);
    }
  });
});

describe("a command for a server with a mark", () => {
  const admit = (
    changed: Parameters<typeof seen>[0],
    rules: Partial<Rules> = {},
    its: Parameters<typeof candidate>[0] = {},
  ) => afterAdmissionLook(candidate(its), seen(changed), moment({ rules: { ...RULES, ...rules } }));

  it.each(["SHUTOFF", "ACTIVE", "REBUILD", "DELETED"])(
    "is rejected, whatever its state: %s",
    (status) => {
      const { draft, lock } = asFinal(admit({ status, mark: "never" }), "rejected");
      expect(lock).toBe("free");
      expect(draft.data).toMatchObject({
        problems: [{ path: "server_id", code: "protected" }],
        brake: { name: "protected", scope: "cloud mark", reason: "ecs-reinstall = never" },
      });
    },
  );

  it("goes on with the mark that is needed, and is rejected without", () => {
    asNext(admit({ mark: "allowed" }, { allow: "marked" }), "submit");
    asFinal(admit({}, { allow: "marked" }), "rejected");
  });

  it("waits while it may have been carried out", () => {
    const its = { mayHaveRun: true, waiting: state("waiting", { holder: undefined }) };
    const { state: waiting } = asNext(admit({ mark: "never" }, {}, its), "waiting");
    expect(waiting.waitsFor).toBe("protected");
  });

  it("expires first", () => {
    asFinal(admit({ mark: "never" }, {}, { order: order({ expiresAtMs: NOW }) }), "expired");
  });
});
