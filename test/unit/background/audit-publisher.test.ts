import { describe, expect, it } from "vitest";
import type { AuditEntry } from "../../../src/contract/audit.ts";
import { OperatorEvent } from "../../../src/contract/operator-event.ts";
import { ProjectId } from "../../../src/contract/ids.ts";
import { createAuditPublisher } from "../../../src/background/audit-publisher.ts";
import type { AuditTrail } from "../../../src/steps/ports/audit-trail.ts";
import type { Outgoing, Outlet } from "../../../src/steps/ports/outlet.ts";
import { eventually } from "../../support/eventually.ts";

const PROJECT = ProjectId.parse("0123456789abcdef0123456789abcdef");

const entry = (number: number): AuditEntry => ({
  id: `act-${number}`,
  number,
  at: 1_800_000_000_000,
  action: "cancel",
  by: "ada",
  reason: "sent by mistake",
  command: "heal-1",
});

/** A publisher that looks once; the broker answers in turn, and then confirms. */
async function once(
  taken: Awaited<ReturnType<AuditTrail["take"]>>,
  broker: Awaited<ReturnType<Outlet["publish"]>>[] = [],
) {
  const sent: Outgoing[] = [];
  const saved: (number | null)[] = [];
  const published: number[] = [];
  const missed: number[] = [];
  const errors: unknown[] = [];
  let looked = false;
  const publisher = createAuditPublisher({
    trail: {
      take: async () => taken,
      published: async (_project, _taken, upTo) => {
        saved.push(upTo);
        return { kind: "saved" };
      },
    },
    outlet: {
      publish: async (messages) => {
        sent.push(...messages);
        return broker.shift() ?? "confirmed";
      },
    },
    projects: [PROJECT],
    region: "eu-west-0",
    clock: {
      sleep: (_ms, signal) => {
        looked = true;
        return new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve());
        });
      },
    },
    intervalMs: 1_000,
    leaseMs: 60_000,
    onPublished: (_project, { number }) => void published.push(number),
    onMissed: (_project, count) => missed.push(count),
    onError: (error) => errors.push(error),
  });
  publisher.start();
  await eventually(() => expect(looked).toBe(true), { what: "it has looked" });
  publisher.stop();
  return { sent, saved, published, missed, errors };
}

const taken = (entries: AuditEntry[], missed = 0) =>
  ({ kind: "taken", entries, missed, after: 0, lease: "l" }) as const;

describe("who publishes what people did", () => {
  it("makes one event of each entry, the same bytes each time, and says how far it has come", async () => {
    const { sent, saved, published } = await once(taken([entry(1), entry(2)]));
    const [first] = sent;
    if (first?.kind !== "operator") throw new Error("no event");
    expect(OperatorEvent.parse(first.event)).toEqual({
      specversion: "1.0",
      id: "operator/act-1",
      source: `/ecs-reinstall-worker/eu-west-0/${PROJECT}`,
      type: "ecs.reinstall.operator.cancel.v1",
      time: "2027-01-15T08:00:00.000Z",
      datacontenttype: "application/json",
      data: {
        action: "cancel",
        project_id: PROJECT,
        by: "ada",
        reason: "sent by mistake",
        command_id: "heal-1",
      },
    });
    expect((await once(taken([entry(1)]))).sent).toEqual([first]);
    expect([published, saved]).toEqual([[1, 2], [2]]);
  });

  it("stops at the first that the broker does not confirm, and gives its turn back", async () => {
    const entries = [entry(1), entry(2), entry(3)];
    const some = await once(taken(entries), ["confirmed", "unconfirmed"]);
    expect([some.sent.length, some.published, some.saved]).toEqual([2, [1], [1]]);
    const none = await once(taken(entries), ["refused"]);
    expect([none.published, none.saved]).toEqual([[], [null]]);
  });

  it("says how many it could not publish any more", async () => {
    expect((await once(taken([entry(4)], 3))).missed).toEqual([3]);
  });

  it("does nothing while there is nothing, or the store is away", async () => {
    for (const answer of [
      { kind: "none" },
      { kind: "away", message: "no answer" },
      { kind: "corrupt", message: "no list" },
    ] as const) {
      expect(await once(answer)).toMatchObject({ sent: [], saved: [], errors: [] });
    }
  });
});
