import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import manifest from "../../../package.json" with { type: "json" };

const ROOT = join(import.meta.dirname, "../../..");
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");
const only = (pattern: RegExp, file: string) => pattern.exec(read(file))?.[1] ?? `none in ${file}`;

const lines = readdirSync(join(ROOT, "scripts/node")).sort();
const oldest = manifest.engines.node.replace(">=", "");
const image = only(/^ARG NODE_IMAGE=node:(\d+)/m, "Dockerfile");

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; integrity?: string }>>;
}

it.each(lines)("the packages of Node.js %s are of that line, and each has a checksum", (line) => {
  const { packages } = JSON.parse(read(`scripts/node/${line}/package-lock.json`)) as Lock;
  for (const cpu of ["x64", "arm64"]) {
    const { version, integrity } = packages[`node_modules/node-linux-${cpu}`] ?? {};
    expect(version?.split(".")[0], cpu).toBe(line);
    expect(integrity, cpu).toMatch(/^sha512-/);
  }
});

it("what is fetched, what make puts on the PATH, and the image have one line", () => {
  expect(lines).toContain(image);
  expect(only(/^NODE_LINE=(\d+)$/m, "scripts/setup.sh")).toBe(image);
  expect(only(/\.cache\/node-(\d+)\//, "Makefile")).toBe(image);
});

it("the oldest Node.js is one, in the manifest, in what is asked for, and in the pages", () => {
  const [major, minor] = oldest.split(".");
  expect(lines[0]).toBe(major);
  expect(read("scripts/setup.sh")).toContain(`a > ${major} || (a === ${major} && b >= ${minor})`);
  for (const file of ["scripts/setup.sh", "README.md", "CONTRIBUTING.md"]) {
    expect(read(file), file).toContain(`Node.js ${oldest}`);
    expect(read(file), file).not.toMatch(/Node\.js 20/);
  }
});

it("the image's labels are what the manifest says", () => {
  const label = (name: string) =>
    only(new RegExp(`org\\.opencontainers\\.image\\.${name}="([^"]+)"`), "Dockerfile");
  const { name, description, license } = manifest;
  expect({
    title: label("title"),
    description: label("description"),
    licenses: label("licenses"),
  }).toEqual({
    title: name,
    description,
    licenses: license,
  });
});

it.each(["NODE_IMAGE", "BASE_IMAGE"])("the base image %s has a tag and a digest", (name) => {
  expect(only(new RegExp(`^ARG ${name}=(\\S+)$`, "m"), "Dockerfile")).toMatch(
    /^[a-z]+:[a-z0-9-]+@sha256:[0-9a-f]{64}$/,
  );
});
