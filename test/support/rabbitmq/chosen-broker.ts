import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type DebianRoot, ensureDebianRoot } from "./debian-root.ts";

/** The line of RabbitMQ, and the Debian that has it. */
const SUITES: Readonly<Record<string, string>> = { "3": "bookworm", "4": "trixie" };

export interface BrokerSources {
  /** Version of the RabbitMQ that is installed under a root folder; undefined when there is none. */
  readonly installed: (root: string) => string | undefined;
  readonly otherDebian: (suite: string) => Promise<DebianRoot>;
}

/**
 * The root folder whose RabbitMQ the tests are to use when RABBITMQ says `3` or `4`; "" is this machine's own, which it
 * is when that has the line, and when nothing is said. Rejects when the line cannot be had: tests on another would pass
 * for tests on this one.
 */
export async function chosenBroker(
  line: string | undefined,
  { installed, otherDebian }: BrokerSources = {
    installed: installedRabbitMq,
    otherDebian: ensureDebianRoot,
  },
): Promise<string> {
  if (line === undefined || line === "") return "";
  const suite = SUITES[line];
  if (suite === undefined) {
    throw new Error(`RABBITMQ is "${line}": ${Object.keys(SUITES).join(" or ")} is possible`);
  }
  if (installed("/")?.startsWith(`${line}.`)) return "";
  const root = await otherDebian(suite);
  if (root.kind === "unavailable") throw new Error(`no RabbitMQ ${line} here: ${root.reason}`);
  const version = installed(root.path);
  if (!version?.startsWith(`${line}.`)) {
    throw new Error(`the RabbitMQ of ${root.path} is ${version}, not ${line}`);
  }
  return root.path;
}

/** By the name of its folder: `rabbitmq_server-4.0.5`. */
function installedRabbitMq(root: string): string | undefined {
  const folder = join(root, "usr/lib/rabbitmq/lib");
  if (!existsSync(folder)) return undefined;
  return readdirSync(folder)
    .map((name) => /^rabbitmq_server-(.+)$/.exec(name)?.[1])
    .find((version) => version !== undefined);
}
