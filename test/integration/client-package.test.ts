import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownedDirectory, run } from "../support/processes/child-process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

/** Somebody else's program, with this package in its node_modules. */
let folder: Awaited<ReturnType<typeof ownedDirectory>>;

beforeAll(async () => {
  folder = await ownedDirectory("ecs-client-package-");
  await mkdir(join(folder.path, "node_modules"));
  await symlink(ROOT, join(folder.path, "node_modules/ecs-reinstall-worker"));
  await writeFile(join(folder.path, "package.json"), '{ "type": "module" }');
});
afterAll(() => folder.remove());

const USE = `import { createReinstallClient, ReinstallClientError } from "ecs-reinstall-worker/client";
const client = createReinstallClient({ url: "amqp://127.0.0.1:1" });
try {
  await client.reinstall({ server_id: "web-01", "os-reinstall": { userid: "u" } });
} catch (error) {
  if (error instanceof ReinstallClientError) console.log(error.code, error.message);
}
await client.close();
`;

it("is what the package exports as ecs-reinstall-worker/client", async () => {
  const file = join(folder.path, "use.mjs");
  await writeFile(file, USE);
  const said = await run(process.execPath, [file], { cwd: folder.path });
  expect(said).toContain("invalid-command server_id must be a UUID");
});

it("has types, of each event too, and none of what is not exported", async () => {
  await writeFile(
    join(folder.path, "use.ts"),
    `${USE}
for await (const event of client.events("id")) {
  if (event.data.event === "waiting") event.data.waits_for satisfies string;
  if (event.data.event === "succeeded") event.data.duration_seconds satisfies number | null;
}
const result = await client.result("id", { untilSettled: true });
if (result.kind === "settled") result.as satisfies "reinstalled" | "not-reinstalled" | "failed";
// @ts-expect-error a server is needed
await client.reinstall({ "os-reinstall": {} });
// @ts-expect-error not exported
await import("ecs-reinstall-worker/dist/main.js");
`,
  );
  const config = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      module: "nodenext",
      target: "es2023",
      types: ["node"],
      typeRoots: [join(ROOT, "node_modules/@types")],
    },
    files: ["use.ts"],
  };
  await writeFile(join(folder.path, "tsconfig.json"), JSON.stringify(config));
  await run(process.execPath, [TSC, "-p", "."], { cwd: folder.path, timeoutMs: 60_000 });
});
