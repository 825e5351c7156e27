import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import { simulateCommand } from "../../../src/cli/commands/simulate.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { ownFolder } from "../../../src/config/sources.ts";
import { createCloudState } from "../../../src/simulator/cloud/cloud-state.ts";
import { DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY } from "../../../src/simulator/defaults.ts";
import { knownCodes } from "../../../src/simulator/requests/error-catalogue.ts";
import { faultSchema } from "../../../src/simulator/faults/fault-schema.ts";
import { operations } from "../../../src/simulator/requests/operation.ts";
import { behaviourFields, optionsSchema } from "../../../src/simulator/options.ts";
import { outsideActionSchema } from "../../../src/simulator/cloud/outside-actions.ts";
import { createSchedule } from "../../../src/simulator/cloud/schedule.ts";
import { allRoutes } from "../../../src/simulator/server.ts";
import { serverPatchSchema, serverSpecSchema } from "../../../src/simulator/cloud/server-record.ts";
import { createTokenAccess } from "../../../src/simulator/access/token-access.ts";

const ROOT = join(ownFolder(), "..");
const PAGE = readFileSync(join(ROOT, "docs/simulator.md"), "utf8");

/** Text under a heading, up to the next one of any depth. */
function under(heading: string): string {
  const [, text] = PAGE.split(new RegExp(`^#+ ${heading}$`, "m"));
  expect(text, heading).toBeDefined();
  return (text ?? "").split(/^#+ /m)[0] ?? "";
}

/** Rows of the tables under a heading, each as its cells. */
function rows(heading: string, table = 0): readonly (readonly string[])[] {
  const tables = under(heading)
    .split(/^\|---.*$/m)
    .slice(1);
  const lines = (tables[table] ?? "").split("\n").slice(1);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
const names = (heading: string, table = 0) =>
  rows(heading, table)
    .map(([first = ""]) => first.replaceAll("`", ""))
    .toSorted();
const keysOf = (shape: object) => Object.keys(shape).toSorted();

describe("docs/simulator.md names all there is, and nothing else", () => {
  it("calls, with the operation of each", () => {
    const settings = optionsSchema.parse({});
    const state = createCloudState(settings, createSchedule({ nowMs: () => 0 }));
    const calls = allRoutes(state, createTokenAccess(state)).map(
      ({ method, pattern }) =>
        `${method} ${pattern.source
          .slice(1, -1)
          .replaceAll("\\/", "/")
          .replaceAll(/\(\?<(\w+)>\[\^\/\]\+\)/g, "{$1}")}`,
    );
    const heading = "The calls that it answers";
    expect(names(heading)).toEqual(calls.toSorted());
    const named = rows(heading).flatMap(([, cell = ""]) => cell.replaceAll("`", "").split(", "));
    expect([...new Set([...named, "unknown"])].toSorted()).toEqual([...operations].toSorted());
  });

  it("settings, with the option of each", () => {
    expect(names("Settings")).toEqual(keysOf(optionsSchema.shape));
    const named = rows("Settings").flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`--([\w-]+)`/g)].map(([, name = ""]) => name),
    );
    const flags = simulateCommand({ out: () => undefined }).options.map(({ long }) =>
      (long ?? "").slice(2),
    );
    // Of the servers that it begins with, and of what it prints.
    const others = ["servers", "state", "json"];
    expect(new Set(named)).toEqual(new Set(flags.filter((one) => !others.includes(one))));
    const perServer = rows("Settings").filter(([, , later]) => later === "each server");
    expect(perServer.map(([name = ""]) => name.replaceAll("`", "")).toSorted()).toEqual(
      keysOf(behaviourFields),
    );
  });

  it("admin calls", () => {
    const source = readFileSync(join(ROOT, "src/simulator/admin.ts"), "utf8");
    const routes = [...source.matchAll(/app\.(get|post|put|patch|delete)\("([^"]+)"/g)].map(
      ([, method = "", path = ""]) => `${method.toUpperCase()} /_sim${path}`,
    );
    expect(routes.length).toBeGreaterThan(20);
    expect(names("The admin API")).toEqual(routes.toSorted());
  });

  it("properties of a server, and which may be changed", () => {
    const own = (shape: object) => keysOf(shape).filter((name) => !(name in behaviourFields));
    expect(names("A server")).toEqual(own(serverSpecSchema.shape));
    const later = rows("A server").filter(([, cell]) => cell === "yes");
    expect(later.map(([name = ""]) => name.replaceAll("`", "")).toSorted()).toEqual(
      own(serverPatchSchema.shape),
    );
  });

  it("what somebody else may do", () => {
    const actions = outsideActionSchema.options.map(({ shape }) => shape.action.value);
    expect(names("What somebody else does")).toEqual(actions.toSorted());
  });

  it("members of a fault, of what runs, and of how it fails", () => {
    const groups = [
      "Which calls",
      "On the way",
      "Instead of the answer",
      "The bytes of the answer",
    ];
    const members = groups.flatMap((group) => names(group));
    expect([...members, "run"].toSorted()).toEqual(keysOf(faultSchema.shape));
    const run = faultSchema.shape.run.unwrap().shape;
    expect(names("What an accepted operation does")).toEqual(keysOf(run));
    expect(names("What an accepted operation does", 1)).toEqual(keysOf(run.fail.unwrap().shape));
  });

  it("error codes", () => {
    const named = [...under("Instead of the answer").matchAll(/`((?:\w+)\.\d{4})`/g)];
    expect([...new Set(named.map(([, code = ""]) => code))].toSorted()).toEqual(
      [...knownCodes()].toSorted(),
    );
  });

  it("has an example in each group of faults", () => {
    const groups = ["On the way", "Instead of the answer", "The bytes of the answer"];
    for (const group of [...groups, "What an accepted operation does"]) {
      expect(under(group)).toContain('curl -sSf "$SIM/_sim/faults" -d');
    }
  });
});

describe("examples/simulator/compose.yaml", () => {
  interface Service {
    readonly image: string;
    readonly entrypoint?: readonly string[];
    readonly command?: readonly string[];
    readonly environment?: Readonly<Record<string, string>>;
    readonly ports?: readonly string[];
    readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
    readonly healthcheck?: { readonly test: readonly string[] };
  }
  const file = readFileSync(join(ROOT, "examples/simulator/compose.yaml"), "utf8");
  const { services } = load(file) as { readonly services: Readonly<Record<string, Service>> };
  const env = services["worker"]?.environment ?? {};

  it("gives the worker a configuration that it takes, with the simulator's own credentials", () => {
    expect(loadConfig(env)).toMatchObject({ kind: "ok" });
    const known = readFileSync(join(ROOT, "docs/configuration.md"), "utf8");
    expect(Object.keys(env).filter((name) => !known.includes(`\`${name}\``))).toEqual([]);
    expect([env["ECS_ACCESS_KEY"], env["ECS_SECRET_KEY"]]).toEqual([
      DEFAULT_ACCESS_KEY,
      DEFAULT_SECRET_KEY,
    ]);
    const { projects } = optionsSchema.parse({});
    expect(env["ECS_PROJECTS"]).toBe(projects[0]?.id);
    expect(env["ECS_REGION"]).toBe(projects[0]?.name);
  });

  it("starts the simulator by arguments that it takes, at the address that the worker has", () => {
    const { entrypoint, command = [], ports, healthcheck } = services["simulator"] as Service;
    expect(entrypoint).toEqual(["ecs-reinstall"]);
    const [verb, ...args] = command;
    expect(verb).toBe("simulate");
    const parsed = simulateCommand({ out: () => undefined }).parseOptions([...args]);
    expect([parsed.operands, parsed.unknown]).toEqual([[], []]);
    const at = args[args.indexOf("--port") + 1];
    expect(env["ECS_ENDPOINT"]).toBe(`http://simulator:${at}`);
    expect(ports).toEqual([`127.0.0.1:${at}:${at}`]);
    expect(healthcheck?.test.join(" ")).toContain(`:${at}/_sim/health`);
  });

  it("uses the images of the other examples, and names only services that it has", () => {
    const kind = readFileSync(join(ROOT, "examples/kind/services.yaml"), "utf8");
    const chart = readFileSync(join(ROOT, "helm/ecs-reinstall-worker/values.yaml"), "utf8");
    const repository = /^ {2}repository: (\S+)$/m.exec(chart)?.[1];
    const readme = readFileSync(join(ROOT, "examples/simulator/README.md"), "utf8");
    for (const { image, depends_on: needs = {}, ports = [] } of Object.values(services)) {
      const isOurs = image === `${repository}:try`;
      expect(isOurs ? readme : kind, image).toContain(image);
      expect(Object.keys(needs).filter((name) => !(name in services))).toEqual([]);
      // Nobody but this machine reaches the passwords that everybody knows.
      expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([]);
    }
    const hosts = Object.values(env).flatMap((value) => {
      const host = /^\w+:\/\/(?:[^@]+@)?([\w-]+)/.exec(value)?.[1];
      return host === undefined ? [] : [host];
    });
    expect(hosts.length).toBeGreaterThan(3);
    expect(hosts.filter((host) => !(host in services))).toEqual([]);
  });

  it("runs what the image's own path has", () => {
    const image = readFileSync(join(ROOT, "Dockerfile"), "utf8");
    expect(image).toContain("/usr/local/bin/ecs-reinstall");
    expect(image).toMatch(/^ENTRYPOINT \["node"\]$/m);
  });
});
