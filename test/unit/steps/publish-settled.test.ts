import { describe, expect, it } from "vitest";
import { recordIdOf, storedEnvelope } from "../../../src/core/state/envelope.ts";
import { createPublishSettled } from "../../../src/steps/publish-settled.ts";
import type { Outgoing } from "../../../src/steps/ports/outlet.ts";
import type { Stranded } from "../../../src/steps/ports/stranded-commands.ts";
import { envelope, HOUR, NOW, STATES } from "../core/builders.ts";
import { createWorld } from "./fakes.ts";

const MESSAGE = { ...envelope(STATES.inquiry), dueMs: NOW + HOUR, unseenUntilMs: NOW };
const { projectId, commandId } = MESSAGE.order;

async function publishes(one: Partial<Stranded> | null): Promise<readonly Outgoing[]> {
  const { deps, signal } = createWorld();
  const published: Outgoing[] = [];
  const inquiry = {
    commandId,
    order: MESSAGE.order,
    resume: JSON.parse(JSON.stringify(storedEnvelope(MESSAGE))) as unknown,
    outcome: null,
    published: false,
    ...one,
  };
  const publishSettled = createPublishSettled({
    store: deps.store,
    stranded: {
      one: async (_, id) => (id === recordIdOf(commandId, "inquiry") && one ? inquiry : null),
    },
    outlet: {
      async publish(messages) {
        published.push(...messages);
        return "confirmed";
      },
    },
    clock: { nowMs: () => NOW },
  });
  await publishSettled(projectId, commandId, signal);
  return published;
}

describe("what a person has said of an unresolved command", () => {
  it("is learned by its inquiry now, and not when that is due", async () => {
    expect(await publishes({})).toEqual([
      {
        kind: "step",
        delayMs: 0,
        envelope: { ...MESSAGE, dueMs: NOW, revived: 1, unseenUntilMs: undefined },
      },
    ]);
  });

  it.each([
    ["nobody knows of an inquiry", null],
    ["its next step cannot be read", { resume: { v: 99 } }],
    ["it is published", { published: true }],
  ])("is left to others where %s", async (_, one) => {
    expect(await publishes(one)).toEqual([]);
  });
});
