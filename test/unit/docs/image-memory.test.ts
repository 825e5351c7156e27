import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { expect, it } from "vitest";
import { IMAGE_NODE_OPTIONS } from "../../support/worker/image-command.ts";

const ROOT = join(import.meta.dirname, "../../..");
const CHART = "helm/ecs-reinstall-worker/values.yaml";

/** MiB that Node.js 24 gives to old objects where the container has at most 512 MiB: not less, however small it is. */
const OLD = 256;
/** MiB besides the heap: the program itself and buffers; 99 were measured, half of them the file `node`. */
const BESIDES = 100;

it("what the image lets Node.js have fits the chart's memory limit, new objects three times", () => {
  const { resources } = load(readFileSync(join(ROOT, CHART), "utf8")) as {
    readonly resources: { readonly limits: { readonly memory: string } };
  };
  const limit = Number(/^(\d+)Mi$/.exec(resources.limits.memory)?.[1]);
  const [, semi] = /^--max-semi-space-size=(\d+)$/.exec(IMAGE_NODE_OPTIONS[0] ?? "") ?? [];
  expect(IMAGE_NODE_OPTIONS).toHaveLength(1);
  expect(OLD + 3 * Number(semi) + BESIDES).toBeLessThanOrEqual(limit);
});
