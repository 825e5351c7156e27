import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonText } from "../../../../../src/core/intake/reading/json-text.ts";

const read = (text: string | Uint8Array, maxBytes = 1_000) =>
  parseJsonText(Buffer.from(text), maxBytes);

describe("JSON from bytes that nobody vouches for", () => {
  it("is read as JSON.parse would, where it breaks no bound", () => {
    const harmless = fc.jsonValue({ maxDepth: 5 }).filter((value) => {
      return !/"(__proto__|constructor|prototype)":/.test(JSON.stringify(value));
    });
    fc.assert(
      fc.property(harmless, (value) => {
        const text = JSON.stringify(value);
        const answer = parseJsonText(Buffer.from(text), 1_000_000);
        expect(answer).toEqual({ kind: "read", value: JSON.parse(text) as unknown });
      }),
    );
  });

  it("is bounded by bytes, not by characters", () => {
    expect(read('"é"', 4).kind).toBe("read");
    expect(read('"é"', 3)).toMatchObject({ problem: { path: "", code: "too_big" } });
  });

  it("may begin with a byte order mark", () => {
    expect(read("\ufeff{}")).toEqual({ kind: "read", value: {} });
  });

  it("is measured in depth before it is parsed", () => {
    expect(read("[".repeat(16)).kind).toBe("unreadable");
    expect(read("[".repeat(16))).toMatchObject({ problem: { code: "not-json" } });
    expect(read("[".repeat(17))).toMatchObject({ problem: { code: "too-deep" } });
    expect(read(`["\\"${"[".repeat(50)}"]`).kind).toBe("read");
  });

  it("has the mark of what cannot be shown for half a surrogate pair, and whole pairs as they are", () => {
    const cut = String.raw`{"a":["x\ud83d","\udE00y"],"b":"\ud83d\ude00","c":"\\ud83d"}`;
    const value = { a: ["x\ufffd", "\ufffdy"], b: "😀", c: String.raw`\ud83d` };
    expect(read(cut)).toEqual({ kind: "read", value });
  });

  it("never quotes what it could not read", () => {
    expect(JSON.stringify(read('{"password":"hunter2" oops'))).not.toContain("hunter2");
  });
});
