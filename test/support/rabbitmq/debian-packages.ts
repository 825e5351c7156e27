import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findOnPath } from "../processes/backend.ts";
import { run } from "../processes/child-process.ts";

export type Unpacked =
  | { readonly kind: "ready"; readonly root: string }
  | { readonly kind: "unavailable"; readonly reason: string };

const CACHE = fileURLToPath(new URL("../../../.cache/debian", import.meta.url));

/**
 * These Debian packages, unpacked into one folder and not installed; kept for the next run.
 *
 * @param name of the folder; changes with the packages
 */
export async function unpackDebian(name: string, packages: readonly string[]): Promise<Unpacked> {
  const root = join(CACHE, name);
  if (existsSync(root)) return { kind: "ready", root };
  if (findOnPath("apt-get") === undefined || findOnPath("dpkg") === undefined) {
    return { kind: "unavailable", reason: "this machine has no apt-get: no Debian packages" };
  }
  await mkdir(CACHE, { recursive: true });
  const draft = await mkdtemp(join(CACHE, "download."));
  try {
    // apt's own user must be able to write there.
    await chmod(draft, 0o755);
    const get = `apt-get download -qq ${packages.join(" ")}`;
    const script = `mkdir root; { ${get} || { apt-get update -qq && ${get}; }; } && for one in *.deb; do dpkg -x "$one" root; done`;
    await run("/bin/sh", ["-ec", script], { cwd: draft, timeoutMs: 100_000 });
    // By renaming: another run may be doing the same.
    await rename(join(draft, "root"), root).catch((error: unknown) => {
      if (!existsSync(root)) throw error;
    });
    return { kind: "ready", root };
  } catch (error) {
    const reason = `Debian's ${packages.join(", ")} could not be had: ${String(error).slice(0, 300)}`;
    return { kind: "unavailable", reason };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
