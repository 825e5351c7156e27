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
