import { readFileSync } from "node:fs";

const DOCKERFILE = readFileSync(new URL("../../../Dockerfile", import.meta.url), "utf8");
const COMMAND = JSON.parse(/^CMD (\[.+\])$/m.exec(DOCKERFILE)?.[1] ?? "[]") as readonly string[];

/** What the image starts Node.js with, before the program. */
export const IMAGE_NODE_OPTIONS: readonly string[] = COMMAND.slice(0, -1);
