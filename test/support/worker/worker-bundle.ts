import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Plugin, rolldown } from "rolldown";
import { ownedDirectory } from "../processes/child-process.ts";

/**
 * What was built into `dist`, with the packages that it needs, in a few files instead of a thousand: a worker of the tests
 * then starts with less than half of the processor time. Not minified: names, messages and the files that it reads are those of
 * `dist`. As CommonJS: an `import` of a part of Node.js loads all that it can ever need, a `require` does not.
 * Answers undefined when nothing was built. The folder ends with this process at the latest.
 */
export async function bundleWorker(): Promise<
  { readonly path: string; remove(): Promise<void> } | undefined
> {
  if (!existsSync(BUILT_MAIN)) return undefined;
  const folder = await ownedDirectory("ecs-bundle-");
  const bundle = await rolldown({ input: BUILT_MAIN, platform: "node", plugins: [asLoaded] });
  await bundle.write({
    dir: folder.path,
    format: "cjs",
    keepNames: true,
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
  });
  await bundle.close();
  return folder;
}

/** The variable that passes the folder on to the processes of the test files. */
export const BUNDLE_VARIABLE = "TEST_WORKER_BUNDLE";

/** What a worker is started from: the bundle, or what was built where there is none; and what Node.js is to know of it. */
export function workerMain(): { readonly path: string; readonly env: NodeJS.ProcessEnv } {
  const folder = process.env[BUNDLE_VARIABLE];
  if (folder === undefined) return { path: BUILT_MAIN, env: {} };
  // What one worker has compiled, the next ones read.
  const env = { NODE_COMPILE_CACHE: join(folder, "compiled") };
  return { path: join(folder, "main.cjs"), env };
}

const DIST = fileURLToPath(new URL("../../../dist", import.meta.url));
export const BUILT_MAIN = join(DIST, "main.js");

const asLoaded: Plugin = {
  name: "as-loaded",
  transform(code, id) {
    if (!id.startsWith(DIST)) return null;
    // CommonJS cannot wait at its top; a bundle is loaded, not started, and so does not come by here.
    const loaded =
      id === BUILT_MAIN ? code.replace("\n    await main();", "\n    void main();") : code;
    // Each module finds its data beside the file that it was built into.
    return loaded.replaceAll("import.meta.url", JSON.stringify(pathToFileURL(id).href));
  },
};
