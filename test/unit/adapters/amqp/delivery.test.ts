import { describe, expect, it } from "vitest";
import { deliveryOf } from "../../../../src/adapters/amqp/delivery.ts";

function taken(headers: Readonly<Record<string, unknown>>) {
  return deliveryOf("q", {
    content: Buffer.from("{}"),
    fields: { redelivered: false },
    properties: { headers },
  });
}

describe("the trace of a delivery", () => {
  it("is what its headers say, which stay as they are", () => {
    const headers = { traceparent: "00-a-b-01", tracestate: "vendor=1", other: 1 };
    const { traceparent, tracestate, headers: kept } = taken(headers);
    expect({ traceparent, tracestate }).toEqual({
      traceparent: "00-a-b-01",
      tracestate: "vendor=1",
    });
    expect(kept).toEqual(headers);
  });

  it("is as long as W3C Trace Context asks for, and no longer", () => {
    expect(taken({ tracestate: "t".repeat(512) }).tracestate).toHaveLength(512);
    expect(taken({ tracestate: "t".repeat(513) }).tracestate).toBeUndefined();
    expect(taken({ traceparent: "t".repeat(513) }).traceparent).toBeUndefined();
  });

  it.each([undefined, null, 1, true, ["00-a-b-01"], { "!": "timestamp" }])(
    "is absent where the header is %j",
    (value) => {
      const { traceparent, tracestate } = taken({ traceparent: value, tracestate: value });
      expect([traceparent, tracestate]).toEqual([undefined, undefined]);
    },
  );
});

describe("a property that cannot be written again", () => {
  const read = (properties: object) =>
    deliveryOf("q", {
      content: Buffer.from("{}"),
      fields: { redelivered: false },
      properties: { headers: {}, ...properties },
    });

  it("is absent: 200 bytes of Latin-1 are 600 in UTF-8", () => {
    const grown = "\ufffd".repeat(200);
    const names = ["correlationId", "replyTo", "messageId", "contentType", "userId"] as const;
    for (const name of names) {
      expect(read({ [name]: grown })[name]).toBeUndefined();
      expect(read({ [name]: "é".repeat(127) })[name]).toBe("é".repeat(127));
    }
  });

  it.each([
    ["as an emitter counts them", 1_700_000_000, 1_700_000_000_000],
    ["-1 in two's complement", 2 ** 64, 0],
    ["the first day of .NET", 2 ** 64 - 62_135_596_800, 0],
    ["nanoseconds", 1.7e18, 253_402_300_800_000],
  ])("is an instant that AMQP can carry: %s", (_name, timestamp, ms) => {
    expect(read({ timestamp }).timestampMs).toBe(ms);
  });
});
