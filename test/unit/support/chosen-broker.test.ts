import { describe, expect, it } from "vitest";
import { chosenBroker } from "../../support/rabbitmq/chosen-broker.ts";

/** A machine with one RabbitMQ, and the folder of another Debian with another. */
function machine(own: string | undefined, other: string | undefined) {
  const asked: string[] = [];
  return {
    asked,
    installed: (root: string) => (root === "/" ? own : other),
    otherDebian: async (suite: string) => {
      asked.push(suite);
      return other === undefined
        ? ({ kind: "unavailable", reason: "mmdebstrap is not installed" } as const)
        : ({ kind: "ready", path: `/tmp/${suite}` } as const);
    },
  };
}

describe("the broker that RABBITMQ asks for", () => {
  it.each([
    ["nothing said", undefined, "3.10.8", undefined, ""],
    ["empty, as make passes it on", "", "3.10.8", undefined, ""],
    ["what the machine has", "3", "3.10.8", undefined, ""],
    ["4 on a machine with 4", "4", "4.0.5", undefined, ""],
    ["4 on a machine with 3", "4", "3.10.8", "4.0.5", "/tmp/trixie"],
    ["3 on a machine with 4", "3", "4.0.5", "3.10.8", "/tmp/bookworm"],
    ["4 on a machine with none", "4", undefined, "4.0.5", "/tmp/trixie"],
  ])("%s", async (_, line, own, other, root) => {
    expect(await chosenBroker(line, machine(own, other))).toBe(root);
  });

  it.each([
    ["5", "3.10.8", "4.0.5", 'RABBITMQ is "5": 3 or 4 is possible'],
    ["4.0", "3.10.8", "4.0.5", 'RABBITMQ is "4.0": 3 or 4 is possible'],
    ["4", "3.10.8", undefined, "no RabbitMQ 4 here: mmdebstrap is not installed"],
    ["4", "3.10.8", "3.12.1", "the RabbitMQ of /tmp/trixie is 3.12.1, not 4"],
  ])("%s cannot be had: %s, %s", async (line, own, other, message) => {
    await expect(chosenBroker(line, machine(own, other))).rejects.toThrow(message);
  });

  it("asks for no other Debian without need", async () => {
    const { asked, ...sources } = machine("4.1.0", "4.0.5");
    await chosenBroker("4", { ...sources });
    expect(asked).toEqual([]);
  });
});
