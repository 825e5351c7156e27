import { describe, expect, it } from "vitest";
import { chartTopology } from "../../scripts/generate-chart-topology.ts";
import { topologyOf } from "../../src/adapters/amqp/topology/topology.ts";
import { DEFAULT_AMQP_SETTINGS } from "../support/rabbitmq/amqp-settings.ts";
import { chartFile, type Document, documents, environmentOf, only, template } from "./helm.ts";
import { isOfTheOperator, wrongForTheOperator } from "./rabbitmq-kinds.ts";

const specs = (all: readonly Document[], kind: string) =>
  all.filter((one) => isOfTheOperator(one) && one.kind === kind).map(({ spec }) => spec);

describe("files/topology.yaml", () => {
  it("is what the code declares: made again by scripts/generate-chart-topology.ts", () => {
    expect(chartFile("files/topology.yaml")).toBe(chartTopology());
  });
});

describe("the topology operator's objects", () => {
  it("are those that a worker with the same settings would declare", async () => {
    const all = await documents("topology");
    const plan = topologyOf({ ...DEFAULT_AMQP_SETTINGS, delaysMs: [2_000, 60_000] });
    const queues = specs(all, "Queue").map(({ name, type, arguments: given }) => ({
      name,
      arguments: { "x-queue-type": type, ...(given as object) },
    }));
    const byName = (one: { readonly name: unknown }, other: { readonly name: unknown }) =>
      String(one.name).localeCompare(String(other.name));
    expect(queues.sort(byName)).toEqual(
      plan.queues.map(({ name, arguments: wanted }) => ({ name, arguments: wanted })).sort(byName),
    );
    expect(specs(all, "Exchange").map(({ name, type, durable }) => [name, type, durable])).toEqual(
      plan.exchanges.map(({ name }) => [name, "topic", true]),
    );
    expect(
      specs(all, "Binding").map(({ source, destination, routingKey }) => ({
        queue: destination,
        exchange: source,
        key: routingKey,
      })),
    ).toEqual(plan.bindings);
  });

  it("use the delays of the worker's defaults where nobody says others", async () => {
    const all = await documents("topology", ["config.POLL_INTERVALS_MS="]);
    const delays = specs(all, "Queue").filter(({ name }) => String(name).includes("delay"));
    expect(delays).toHaveLength(6);
    for (const { name, arguments: given } of delays) {
      const ttl = (given as Record<string, number>)["x-message-ttl"];
      expect(["", "waiting."].map((kind) => `ecs.reinstall.delay.${kind}${ttl}`)).toContain(name);
    }
    expect(delays.map(({ name }) => name)).toContain("ecs.reinstall.delay.waiting.60000");
  });

  it("are of the kinds that the operator has, and are all in the worker's vhost", async () => {
    const all = (await documents("topology")).filter(isOfTheOperator);
    expect(all.length).toBeGreaterThan(10);
    expect(all.flatMap(wrongForTheOperator)).toEqual([]);
    const elsewhere = all.filter(
      ({ kind, spec }) => !["Vhost", "User"].includes(kind) && spec["vhost"] !== "ecs",
    );
    expect(elsewhere).toEqual([]);
  });

  it("survive the release, commands under way with them", async () => {
    const all = (await documents("topology")).filter(isOfTheOperator);
    for (const { kind, metadata, spec } of all) {
      if (!["Vhost", "Queue"].includes(kind)) continue;
      expect(metadata.annotations).toMatchObject({ "helm.sh/resource-policy": "keep" });
      expect(spec["deletionPolicy"]).toBe("retain");
    }
  });

  it("give the worker's user what it needs, and it declares nothing itself", async () => {
    const all = await documents("topology");
    const [permission] = specs(all, "Permission");
    expect(permission).toMatchObject({ userReference: { name: "reinstall" }, vhost: "ecs" });
    const { configure, read, write } = (permission?.["permissions"] ?? {}) as Record<
      string,
      string
    >;
    expect(configure).toBe("^$");
    for (const name of ["commands", "work", "work.waiting", "work.dead"]) {
      expect(`ecs.reinstall.${name}`).toMatch(new RegExp(read ?? ""));
    }
    expect("ecs.reinstall.dead").not.toMatch(new RegExp(read ?? ""));
    expect("ecs.reinstall.events").toMatch(new RegExp(write ?? ""));
    expect("ecsxreinstall.events").not.toMatch(new RegExp(write ?? ""));
    expect(environmentOf(only(all, "Deployment"))).toMatchObject({ AMQP_DECLARE: "false" });
  });

  it("can be given to a user and a broker that are there already", async () => {
    const all = await documents("topology", [
      "topology.user.create=false,topology.user.name=worker,amqp.existingSecret=mine",
      "topology.vhost.create=false,topology.cluster.name=,topology.cluster.connectionSecret=broker",
    ]);
    expect(specs(all, "User")).toEqual([]);
    expect(specs(all, "Vhost")).toEqual([]);
    expect(specs(all, "Permission")).toMatchObject([
      { user: "worker", rabbitmqClusterReference: { connectionSecret: { name: "broker" } } },
    ]);
  });

  it.each([
    ["amqp.vhost=", "topology.enabled needs amqp.host and amqp.vhost"],
    ["topology.cluster.connectionSecret=x", "exactly one of name and connectionSecret"],
    ["amqp.existingSecret=mine", "amqp.existingSecret must be reinstall-user-credentials"],
    ["topology.user.name=worker", "exclude each other"],
    ["topology.user.create=false", "topology.user.name is missing"],
    ["config.AMQP_DECLARE=true", "excludes config.AMQP_DECLARE"],
    ["config.AMQP_WORK_QUEUE=mine", "excludes config.AMQP_WORK_QUEUE"],
  ])("are refused where the values contradict: %s", async (settings, message) => {
    await expect(template("helm4", "topology", [settings])).rejects.toThrow(message);
  });
});
