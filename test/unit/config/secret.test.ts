import { mkdtempSync, rmSync, symlinkSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { fileSecret } from "../../../src/config/secret.ts";

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

it("throws at the start when there is no secret", () => {
  expect(() => fileSecret(path)).toThrow("ENOENT");
  writeFileSync(path, "\n");
  expect(() => fileSecret(path)).toThrow("is empty");
});
