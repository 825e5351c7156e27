// Lists what a release contains of others: name, version and licence of each production package, one a line. Fails when a
// licence is none of those that may be passed on with a work under Apache-2.0 without further duties.
//   node scripts/list-licences.mjs [FOLDER]
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PERMITTED = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  "PSF-2.0",
  "Python-2.0",
]);
const root = process.argv[2] ?? ".";
const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));

const rows = [];
for (const [path, { dev, version }] of Object.entries(packages)) {
  // What is for another platform is not installed.
  if (path === "" || dev || !existsSync(join(root, path, "package.json"))) continue;
  const { name, license } = JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"));
  const texts = readdirSync(join(root, path)).filter((file) => /^(licen[cs]e|copying)/i.test(file));
  rows.push({ name, version, licence: license ?? "none named", text: texts[0] ?? "no file" });
}
for (const { name, version, licence, text } of rows) {
  console.log(`${name} ${version}  ${licence}  (${text})`);
}
const others = rows.filter(({ licence }) => !PERMITTED.has(licence));
for (const { name, licence } of others) {
  console.error(`${name}: ${licence} is not among ${[...PERMITTED].join(", ")}`);
}
process.exitCode = others.length > 0 || rows.length === 0 ? 1 : 0;
