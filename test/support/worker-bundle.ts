import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Plugin, rolldown } from "rolldown";
import { ownedDirectory } from "./child-process.ts";

/**
 * What was built into `dist`, with the packages that it needs, in a few files instead of a thousand: a worker of the tests
 * then starts with half the processor time. Not minified: names, messages and the files that it reads are those of `dist`.
 * Answers undefined when nothing was built. The folder ends with this process at the latest.
 */
export async function bundleWorker(): Promise<
  { readonly path: string; remove(): Promise<void> } | undefined
> {
  if (!existsSync(BUILT_MAIN)) return undefined;
  const folder = await ownedDirectory("ecs-bundle-");
  const bundle = await rolldown({ input: BUILT_MAIN, platform: "node", plugins: [ownUrl] });
  await bundle.write({
    dir: folder.path,
    format: "esm",
    keepNames: true,
    entryFileNames: "[name].mjs",
    chunkFileNames: "[name]-[hash].mjs",
  });
  await bundle.close();
  return folder;
}

/** The variable that passes the folder on to the processes of the test files. */
export const BUNDLE_VARIABLE = "TEST_WORKER_BUNDLE";

/** What a worker is started from: the bundle, or what was built where there is none. */
export function workerMain(): string {
  const folder = process.env[BUNDLE_VARIABLE];
  return folder === undefined ? BUILT_MAIN : join(folder, "main.mjs");
}

const DIST = fileURLToPath(new URL("../../dist", import.meta.url));
export const BUILT_MAIN = join(DIST, "main.js");

/** Each module finds its data beside the file that it was built into. */
const ownUrl: Plugin = {
  name: "own-url",
  transform(code, id) {
    if (!id.startsWith(DIST) || !code.includes("import.meta.url")) return null;
    return code.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href));
  },
};
