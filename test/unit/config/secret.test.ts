import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fileSecret, replacedTogether } from "../../../src/config/secret.ts";
import { pemOf } from "../../../src/config/tls.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "secret-"));
  path = join(folder, "secret");
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

it("reads a secret again when its file changes, without its line end", () => {
  writeFileSync(path, "first\n");
  const secret = fileSecret(path);
  expect(secret()).toBe("first");
  writeFileSync(path, "second\r\n");
  expect(secret()).toBe("second");
});

it("follows a symbolic link that is swapped, as Kubernetes does it", () => {
  writeFileSync(join(folder, "a"), "aaaaa");
  writeFileSync(join(folder, "b"), "bbbbb");
  symlinkSync(join(folder, "a"), path);
  const secret = fileSecret(path);
  symlinkSync(join(folder, "b"), join(folder, "next"));
  renameSync(join(folder, "next"), path);
  expect(secret()).toBe("bbbbb");
});

it("keeps the last value while the file is empty or away, and takes the next one", () => {
  writeFileSync(path, "first");
  const secret = fileSecret(path);
  writeFileSync(path, "");
  expect(secret()).toBe("first");
  unlinkSync(path);
  expect(secret()).toBe("first");
  writeFileSync(path, "third");
  expect(secret()).toBe("third");
});

it("leaves out a byte order mark, and what cannot be the secret", () => {
  writeFileSync(path, "\uFEFFfirst\n");
  const secret = fileSecret(path, (value) => !value.includes(" "));
  expect(secret()).toBe("first");
  writeFileSync(path, "half of ");
  expect(secret()).toBe("first");
  writeFileSync(path, "\uFEFFsecond");
  expect(secret()).toBe("second");
});

it("keeps the last value where the new file is blank, a pipe, or has more than a secret can", async () => {
  writeFileSync(path, "first");
  const secret = fileSecret(path);
  writeFileSync(path, " \n\t");
  expect(secret()).toBe("first");
  writeFileSync(path, "x".repeat(1_048_577));
  expect(secret()).toBe("first");
  unlinkSync(path);
  execFileSync("mkfifo", [path]);
  const writer = spawn("sh", ["-c", `echo second > '${path}'`]);
  expect(secret()).toBe("first");
  writer.kill();
  await once(writer, "close");
  unlinkSync(path);
  writeFileSync(path, "third");
  expect(secret()).toBe("third");
});

it("keeps the last PEM while the new one is half written", () => {
  const pem = (text: string) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`;
  writeFileSync(path, pem("old"));
  const source = pemOf("amqp.caFile", path, (problem) => expect(problem).toBeUndefined());
  const old = source?.();
  for (const half of [
    pem("new").slice(0, 40),
    `${pem("new")}${pem("other").slice(0, 40)}`,
    "new",
  ]) {
    writeFileSync(path, half);
    expect(source?.()).toBe(old);
  }
  writeFileSync(path, `${pem("new")}${pem("old")}`);
  expect(source?.()).toContain("new");
});

it("throws at the start when there is no secret", () => {
  expect(() => fileSecret(path)).toThrow("ENOENT");
  writeFileSync(path, "\n");
  expect(() => fileSecret(path)).toThrow("is empty");
});

/** Three files that a side-car writes one after the other, and a clock. */
function set() {
  const clock = { ms: 0 };
  const values = ["ak-1", "sk-1", "token-1"];
  const sources = replacedTogether(
    values.map((_value, index) => () => values[index] ?? ""),
    () => clock.ms,
  );
  return { clock, values, read: () => sources.map((source) => source()) };
}

it("gives secrets that belong together as the old set until every one is new", () => {
  const { clock, values, read } = set();
  values[0] = "ak-2";
  expect(read()).toEqual(["ak-1", "sk-1", "token-1"]);
  clock.ms += 3_000;
  values[1] = "sk-2";
  expect(read()).toEqual(["ak-1", "sk-1", "token-1"]);
  clock.ms += 4_000;
  values[2] = "token-2";
  expect(read()).toEqual(["ak-2", "sk-2", "token-2"]);
});

it.each([0, 1, 2])("takes secret %i of a set for replaced alone when nothing follows", (index) => {
  const { clock, values, read } = set();
  const before = read();
  values[index] = "new";
  expect(read()).toEqual(before);
  clock.ms += 4_999;
  expect(read()).toEqual(before);
  clock.ms += 1;
  expect(read()).toEqual(before.with(index, "new"));
  values[index] = "newer";
  read();
  clock.ms += 5_000;
  expect(read()).toEqual(before.with(index, "newer"));
});

it("takes a secret that is alone at once", () => {
  const value = { now: "first" };
  const [source] = replacedTogether([() => value.now]);
  value.now = "second";
  expect(source?.()).toBe("second");
});
