import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ownedDirectory } from "../../support/processes/child-process.ts";
import { openOnSharedServices, type SharedStage } from "../../support/stage.ts";
import { expectNoOutage, sendAllTheTime, watchReadiness } from "./under-way.ts";

/*
 * Credentials that live for minutes, which something beside the worker renews: it fetches an access key, a secret key and a
 * security token, and writes each into a file of its own. Between the first and the last file they do not fit together.
 */

const setOf = (n: number) => ({
  accessKey: `AK-${n}`,
  secretKey: `SK-${n}-secret`,
  securityToken: `token-${n}-secret`,
});
const RENEWALS = 4;
/** Old ones live on for so long after new ones were written: the worker looks at its files once a second. */
const OVERLAP_MS = 3_000;

let stage: SharedStage;
let folder: Awaited<ReturnType<typeof ownedDirectory>>;
const file = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await ownedDirectory("ecs-sidecar-");
  stage = await openOnSharedServices({
    simulator: { jobDurationMs: 1_500, credentials: [setOf(0)] },
  });
});
afterAll(async () => {
  await stage?.close();
  await folder?.remove();
});

/** One file after the other, each as a whole. */
async function renew(n: number, pauseMs: number): Promise<void> {
  const { accessKey, secretKey, securityToken } = setOf(n);
  const texts = { token: securityToken, access: accessKey, secret: secretKey };
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(file(`.${name}`), `${text}\n`);
    await rename(file(`.${name}`), file(name));
    await sleep(pauseMs);
  }
}

it("temporary credentials that are renewed in files, one file after the other: no outage, each command once", async () => {
  await renew(0, 0);
  const worker = await stage.addWorker([], {
    ECS_ACCESS_KEY: "",
    ECS_SECRET_KEY: "",
    ECS_ACCESS_KEY_FILE: file("access"),
    ECS_SECRET_KEY_FILE: file("secret"),
    ECS_SECURITY_TOKEN_FILE: file("token"),
  });
  const readiness = watchReadiness(worker);
  const commands = sendAllTheTime(stage);
  for (let n = 1; n <= RENEWALS; n += 1) {
    stage.simulator.putCredential(setOf(n));
    await renew(n, 300);
    await sleep(OVERLAP_MS);
    stage.simulator.removeCredential(setOf(n - 1).accessKey);
  }

  await expectNoOutage(stage, commands, readiness);
  expect(worker.output()).not.toMatch(/SK-\d|token-\d/);
});
