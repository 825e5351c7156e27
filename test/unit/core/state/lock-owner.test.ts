import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LockOwner, shownOwner } from "../../../../src/core/state/lock-owner.ts";

describe("the owner of a lock", () => {
  it.each([
    ["heal-2026-11-23-web-01", "heal-2026-11-23-web-01"],
    ["ops/resizer-7f9c", "ops/resizer-7f9c"],
    ["snapshot/42", "snapshot/42"],
    ["Sauvegarde de nuit (équipe ☁️)", "Sauvegarde de nuit (équipe ☁\ufe0f)"],
    ["a\nb\u0000", "a\\u{a}b\\u{0}"],
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["evil\u202etxt", "evil\\u{202e}txt"],
    ["line\u2028end", "line\\u{2028}end"],
    ["", "(unnamed)"],
    ["x".repeat(200), "x".repeat(200)],
    ["x".repeat(201), `${"x".repeat(199)}…`],
    ["🔒".repeat(300), `${"🔒".repeat(199)}…`],
  ])("%j is shown as %j", (raw, shown) => {
    expect(shownOwner(raw)).toBe(shown);
  });

  it("is shown as printable text of 1-200 characters, whatever it is, and the same when shown again", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (raw) => {
        const shown = shownOwner(raw);
        expect(Array.from(shown).length).toBeGreaterThan(0);
        expect(Array.from(shown).length).toBeLessThanOrEqual(200);
        expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect(shownOwner(shown)).toBe(shown);
        expect(LockOwner.safeParse(shown).success).toBe(true);
      }),
    );
  });
});
