import { readdir, readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";

/**
 * Cuts the last n writes off the append-only file of a stopped server: what a crash loses of the last second.
 * A SELECT that Redis adds between them does not count.
 */
export async function cutLastCommands(dataDir: string, commands: number): Promise<void> {
  const file = await appendOnlyFile(dataDir);
  const starts = commandStarts(await readFile(file));
  const cut = starts.at(-commands);
  if (cut === undefined) {
    throw new Error(`${file} holds ${starts.length} writes, fewer than ${commands}`);
  }
  await truncate(file, cut);
}

/** Redis 7 keeps a folder of files, of which the last increment is written; before, there was one file. */
async function appendOnlyFile(dataDir: string): Promise<string> {
  const folder = join(dataDir, "appendonlydir");
  const isFolder = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) return join(dataDir, "appendonly.aof");
  const increments = (await readdir(folder)).filter((name) => name.endsWith(".incr.aof"));
  const last = increments.toSorted((a, b) => sequence(a) - sequence(b)).at(-1);
  if (last === undefined) throw new Error(`no append-only file in ${folder}`);
  return join(folder, last);
}

const sequence = (name: string) => Number(/\.(\d+)\.incr\.aof$/.exec(name)?.[1] ?? 0);

/** Offsets at which commands begin, in the form `*<parts>\r\n` and then `$<bytes>\r\n…\r\n` for each part. */
function commandStarts(aof: Buffer): readonly number[] {
  const starts: number[] = [];
  let at = 0;
  const line = () => {
    const end = aof.indexOf("\r\n", at);
    const text = aof.toString("latin1", at, end < 0 ? aof.length : end);
    at = end < 0 ? aof.length : end + 2;
    return text;
  };
  while (at < aof.length) {
    const start = at;
    const head = line();
    // Annotations such as #TS:… stand between commands.
    if (!head.startsWith("*")) continue;
    let name = "";
    for (let part = 0; part < Number(head.slice(1)); part += 1) {
      const bytes = Number(line().slice(1));
      if (part === 0) name = aof.toString("latin1", at, at + bytes).toUpperCase();
      at += bytes + 2;
    }
    if (name !== "SELECT") starts.push(start);
  }
  return starts;
}
