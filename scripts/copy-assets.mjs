// tsc emits TypeScript only; the Lua scripts travel beside the module that loads them.
import { cp } from "node:fs/promises";

await cp("src/adapters/redis/scripts", "dist/adapters/redis/scripts", { recursive: true });
