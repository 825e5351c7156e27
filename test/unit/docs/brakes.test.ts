import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const SCRIPTS = new URL("../../../src/adapters/redis/scripts/shared/brakes/", import.meta.url);
const PAGE = new URL("../../../docs/brakes.md", import.meta.url);

/** What each brake's file says of where it is asked. */
function brakesAskedAt(place: "stop" | "intent"): readonly string[] {
  return readdirSync(SCRIPTS)
    .map((file) => readFileSync(new URL(file, SCRIPTS), "utf8"))
    .flatMap((text) => {
      const name = /name = '([a-z-]+)'/.exec(text)?.[1];
      const at = /at = \{([^}]*)\}/.exec(text)?.[1] ?? "";
      return name !== undefined && at.includes(`${place} = true`) ? [name] : [];
    });
}

describe("the page of the brakes", () => {
  const rows = readFileSync(PAGE, "utf8").split("\n");

  it.each([
    ["stop", "| right before its server is stopped |"],
    ["intent", "| right before each request to the cloud,"],
  ] as const)("names the brakes that are asked again at the %s", (place, start) => {
    const row = rows.find((line) => line.startsWith(start)) ?? "";
    const [named = ""] = row.slice(start.length).split("; and the command must have a slot");
    const names = new Set([...named.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
    expect(names).toEqual(new Set(brakesAskedAt(place)));
    expect(names.size).toBeGreaterThan(0);
  });
});
