import { describe, expect, it } from "vitest";
import { JobId } from "../../../../src/contract/ids.ts";
import { debtFrom, withDebt } from "../../../../src/core/state/debt.ts";
import type { Power } from "../../../../src/core/server/power.ts";
import { NOW, state } from "../builders.ts";

const JOB = JobId.parse("ff80808288d41e1b018990260955686a");
const OFF: Power = { was: "off", mayHaveStopped: false };
const OWED: Power = { was: "on", mayHaveStopped: true };
const STOP = { askedAtMs: NOW, jobId: JOB };

describe("what another command owes the server", () => {
  it.each(["prepare", "submit", "reconcile", "watch", "restore"] as const)(
    "is taken over in %s, whatever was seen of the server that it left off",
    (phase) => {
      expect(withDebt(state(phase, { power: OFF }), OWED)).toMatchObject({ phase, power: OWED });
    },
  );

  it("is all that is known where nothing was seen", () => {
    const { power: _power, ...unseen } = state("submit", {});
    expect(withDebt(unseen, { ...OWED, stop: STOP })).toMatchObject({
      power: { ...OWED, stop: STOP },
    });
  });

  it("is left alone where the state says nothing of power", () => {
    expect(withDebt(state("waiting", {}), OWED)).not.toHaveProperty("power");
    expect(withDebt(state("submit", { power: OFF }), undefined)).toMatchObject({ power: OFF });
  });

  it("is waited for beside the own stop: nobody follows the other's job any more", () => {
    const debt = { ...OWED, stop: { askedAtMs: NOW + 5, jobId: JOB } };
    const own = (stop: Power["stop"]) => state("submit", { power: { ...OWED, stop } });
    expect(withDebt(own(STOP), debt)).toMatchObject({
      power: { stop: { ...STOP, unansweredAtMs: NOW + 5 } },
    });
    expect(withDebt(own({ ...STOP, unansweredAtMs: NOW + 9 }), debt)).toMatchObject({
      power: { stop: { ...STOP, unansweredAtMs: NOW + 9 } },
    });
    expect(withDebt(own({ askedAtMs: NOW }), debt)).toMatchObject({
      power: { stop: { askedAtMs: NOW + 5 } },
    });
    expect(withDebt(own({ askedAtMs: NOW + 9 }), debt)).toMatchObject({
      power: { stop: { askedAtMs: NOW + 9 } },
    });
  });

  it.each(["", "{", '"on"', '{"was":"maybe"}', "null"])(
    "is left to others where it cannot be read: %s",
    (text) => {
      expect(debtFrom(text)).toBeUndefined();
    },
  );

  it("is read as it was written", () => {
    const debt = { ...OWED, stop: STOP };
    expect(debtFrom(JSON.stringify(debt))).toEqual(debt);
  });
});
