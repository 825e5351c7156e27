import { describe, expect, it } from "vitest";
import { presentable, userDataSecrets } from "../../../../src/adapters/cloud/http/redact.ts";

describe("a presentable text", () => {
  it("hides what it is told is secret, the longest first", () => {
    expect(presentable("key abcd1234 and abcd", ["abcd", "abcd1234"])).toBe(
      "key [hidden] and [hidden]",
    );
  });

  it.each([
    "x-security-token:QUJDREVG|x-sdk-date:1",
    '"X-Auth-Token": "MIIabc"',
    "X-Subject-Token = MIIabc",
    "Authorization: SDK-HMAC-SHA256 Access=AK, SignedHeaders=host, Signature=00",
    'authorization="Bearer abc"',
    '{"user_data":"IyEvYmlu","x":1}',
    '{"password": "Hunter2!"}',
    "adminpass=Hunter2!",
  ])("hides a secret that its name gives away: %s", (text) => {
    const shown = presentable(`before ${text}`);
    expect(shown).toContain("before ");
    expect(shown).toContain("[hidden]");
    expect(shown).not.toMatch(/QUJD|MIIabc|Signature|Bearer|IyEv|Hunter2/);
  });

  it("hides long runs that may be a part of a secret, and shows ids", () => {
    const id = "4f4b3dfa-0000-4000-8000-000000000001";
    expect(presentable(`server ${id} ${"A".repeat(60)}`)).toBe(`server ${id} [hidden]`);
    expect(presentable(`job ${"0a".repeat(16)}`)).toBe(`job ${"0a".repeat(16)}`);
  });

  it("does not shred words because a secret is one letter long", () => {
    expect(presentable("a day", ["a", ""])).toBe("a day");
  });

  it("takes control characters and line ends out", () => {
    expect(presentable("a\u0000b\r\n\u001b[31mc\u202ed")).toBe("a b [31mc d");
  });

  it.each([0, 1, 2, 3])("is a whole text wherever it is cut: after %i more characters", (more) => {
    const text = `${"-".repeat(more)}${"😀 ".repeat(300)}`;
    for (const shown of [presentable(text), presentable(text, [], 40)]) {
      expect(shown).not.toMatch(/\p{Surrogate}/u);
    }
    expect(presentable(text, [], 40).length).toBeLessThanOrEqual(40);
  });
});

describe("the secrets of user data", () => {
  it("are its text as sent, and its lines", () => {
    const script = "#!/bin/sh\necho hunter2 > /root/pw\nexit\n";
    const sent = Buffer.from(script).toString("base64");
    expect(userDataSecrets(sent)).toEqual([sent, "#!/bin/sh", "echo hunter2 > /root/pw"]);
    expect(userDataSecrets(undefined)).toEqual([]);
  });
});
