// tsc emits TypeScript only; the Lua scripts travel beside the modules that load them.
import { cp } from "node:fs/promises";
import { extname } from "node:path";

await cp("src/adapters/redis/scripts", "dist/adapters/redis/scripts", {
  recursive: true,
  filter: (path) => ["", ".lua"].includes(extname(path)),
});
