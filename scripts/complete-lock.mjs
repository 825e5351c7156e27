// Adds to package-lock.json the other platforms' binaries that npm left out because its registry does not offer
// them. Without these entries `npm ci` refuses the file on every machine. Run it after each `npm install` made with
// such a registry; a file that is complete stays as it is.
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const added = [];

for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (isLocked(path, name)) continue;
    // An exact version names the one possible package; of a range we could not tell what is in it.
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${path} wants ${name}@${version}`);
    lock.packages[`node_modules/${name}`] = {
      version,
      ...platform(name),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    };
    added.push(`${name}@${version}`);
  }
}

if (added.length > 0) {
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1));
  lock.packages = Object.fromEntries(sorted);
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
}
console.log(`${added.length} packages of other platforms added`);

function isLocked(path, name) {
  return `${path}/node_modules/${name}` in lock.packages || `node_modules/${name}` in lock.packages;
}

/** From the name, as esbuild, oxlint and the like build it: `…-linux-arm64-musl`, `…/darwin-x64`. */
function platform(name) {
  const words = name.split(/[-/]/);
  const os = {
    android: "android",
    darwin: "darwin",
    freebsd: "freebsd",
    linux: "linux",
    netbsd: "netbsd",
    openbsd: "openbsd",
    openharmony: "openharmony",
    sunos: "sunos",
    aix: "aix",
    win32: "win32",
  };
  const cpu = {
    arm: "arm",
    arm64: "arm64",
    x64: "x64",
    ia32: "ia32",
    ppc64: "ppc64",
    ppc64le: "ppc64",
    riscv64: "riscv64",
    s390x: "s390x",
    loong64: "loong64",
    mips64el: "mips64el",
    wasm32: "wasm32",
  };
  const osWord = words.find((word) => word in os);
  const cpuWord = words.find((word) => word in cpu);
  const libc = words.some((word) => word.startsWith("musl"))
    ? "musl"
    : words.some((word) => word.startsWith("gnu"))
      ? "glibc"
      : undefined;
  return {
    ...(cpuWord ? { cpu: [cpu[cpuWord]] } : {}),
    ...(osWord ? { os: [os[osWord]] } : {}),
    ...(libc && osWord === "linux" ? { libc: [libc] } : {}),
  };
}
