import { describe, expect, it } from "vitest";
import {
  parseTraceparent,
  traceHeaders,
} from "../../../../src/observe/tracing/tracing-traceparent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("a traceparent", () => {
  it.each([
    [`00-${TRACE}-${SPAN}-01`, 1],
    [`00-${TRACE}-${SPAN}-00`, 0],
    // Flags that we do not know are not passed on.
    [`00-${TRACE}-${SPAN}-03`, 1],
    // A later version may say more.
    [`cc-${TRACE}-${SPAN}-01-what-comes`, 1],
  ])("%s is read", (text, traceFlags) => {
    expect(parseTraceparent(text)).toEqual({ traceId: TRACE, spanId: SPAN, traceFlags });
  });

  it.each([
    undefined,
    null,
    7,
    "",
    "garbage",
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01 `.padEnd(600, "x"),
  ])("%s is none", (text) => {
    expect(parseTraceparent(text)).toBeNull();
  });

  it("comes out as it went in, with its tracestate", () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "vendor=1,other=2" };
    const context = parseTraceparent(headers.traceparent, headers.tracestate);
    expect(context && traceHeaders(context)).toEqual(headers);
  });
});
