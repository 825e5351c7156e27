import { existsSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findOnPath } from "../processes/backend.ts";
import { run } from "../processes/child-process.ts";

export type DebianRoot =
  | { readonly kind: "ready"; readonly path: string }
  | { readonly kind: "unavailable"; readonly reason: string };

/**
 * A folder with another Debian in it, for its RabbitMQ (`startRabbitMq({ sysRoot: root.path })`): trixie has 4.0.
 * Half a minute and 250 MB the first time; kept in the temporary directory for the next run, or where
 * TEST_DEBIAN_ROOT says. Root only.
 */
export async function ensureDebianRoot(suite = "trixie"): Promise<DebianRoot> {
  const path = process.env.TEST_DEBIAN_ROOT ?? join(tmpdir(), `ecs-debian-${suite}`);
  if (process.getuid?.() !== 0) return unavailable("entering another root folder needs root");
  if (existsSync(join(path, SERVER))) return { kind: "ready", path };
  if (findOnPath("mmdebstrap") === undefined) {
    return unavailable("mmdebstrap is not installed (apt-get install mmdebstrap)");
  }
  const mirror = debianMirror();
  if (mirror === undefined)
    return unavailable("this machine has no Debian mirror in its apt sources");
  // Made beside its place: a folder that was given up half-way must not pass for one that is ready.
  const draft = `${path}.${process.pid}`;
  try {
    await run(
      "mmdebstrap",
      [
        "-q",
        "--variant=apt",
        "--include=rabbitmq-server",
        suite,
        draft,
        `deb ${mirror} ${suite} main`,
      ],
      { timeoutMs: 300_000 },
    );
    await rename(draft, path);
    return { kind: "ready", path };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Somebody else may have been faster.
    if (existsSync(join(path, SERVER))) return { kind: "ready", path };
    return unavailable(`mmdebstrap failed: ${String(error)}`);
  }
}

const SERVER = "usr/lib/rabbitmq/bin/rabbitmq-server";

const unavailable = (reason: string): DebianRoot => ({ kind: "unavailable", reason });

function debianMirror(): string | undefined {
  if (!/^ID=debian$/m.test(readIfThere("/etc/os-release"))) return undefined;
  const deb822 = /^URIs:\s*(\S+)/m.exec(readIfThere("/etc/apt/sources.list.d/debian.sources"));
  const oneLine = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/m.exec(readIfThere("/etc/apt/sources.list"));
  return (deb822 ?? oneLine)?.[1];
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
