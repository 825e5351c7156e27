import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answer } from "./answers.ts";

describe("an answer", () => {
  it.each([
    ["ECS", { error: { code: "Ecs.0100", message: "no", details: [] } }, "Ecs.0100", "no", null],
    ["a job query", { code: "Common.0011", message: "no" }, "Common.0011", "no", null],
    ["the gateway", { error_code: "APIGW.0301", error_msg: "no" }, "APIGW.0301", "no", null],
    ["IAM", { error_code: "IAM.0062", error_msg: "no" }, "IAM.0062", "no", null],
    ["Keystone", { error: { code: 401, message: "no", title: "t" } }, "401", "no", null],
    ["a native call", { badRequest: { message: "no", code: "400" } }, "400", "no", "badRequest"],
    [
      "a native call upstream",
      { itemNotFound: { message: "no", code: 404 } },
      "404",
      "no",
      "itemNotFound",
    ],
    [
      "a batch call",
      {
        error: { code: "Ecs.0100", message: "no" },
        internalError: [{ id: "x", error_code: "Ecs.0101", error_message: "other" }],
      },
      "Ecs.0100",
      "no",
      null,
    ],
    [
      "two at once, the first of the order",
      { error_code: "APIGW.0308", code: "x", error: { code: "Ecs.1", message: "no" } },
      "Ecs.1",
      "no",
      null,
    ],
    ["a code without text", { error_code: "APIGW.0101" }, "APIGW.0101", "", null],
    ["a text without code", { error: { message: "no" } }, null, "no", null],
  ])("takes code and text from the shape of %s", (_origin, body, code, message, fault) => {
    expect(answer(body, { status: 400 })).toMatchObject({ code, message, fault });
  });

  it.each([
    ["success", { job_id: "j" }],
    ["a running job", { status: "RUNNING", job_id: "j", error_code: null, fail_reason: null }],
    ["a job that failed", { status: "FAIL", job_id: "j", error_code: "Ecs.0202" }],
    ["a server", { server: { id: "s", fault: { code: 500, message: "x" } } }],
    ["an odd code", { code: { deep: 1 }, message: ["x"] }],
    ["an empty code", { error: { code: "" } }],
  ])("sees no error code in %s", (_what, body) => {
    expect(answer(body).code).toBeNull();
  });

  it.each([
    ["HTML", "<html><title>502 Bad Gateway</title><script>x()</script></html>", "502 Bad Gateway"],
    ["nothing", "", ""],
    ["half an object", '{"job_id": "j', '{"job_id": "j'],
    ["a list", "[1]", "[1]"],
    ["null", "null", "null"],
  ])("takes %s for no object at all", (_what, body, message) => {
    expect(answer(body)).toMatchObject({ json: null, code: null, message });
  });

  it("bounds what the cloud says, and leaves one line of it", () => {
    const { message } = answer({ code: "x", message: "word \n".repeat(1_000) });
    expect(message.length).toBe(300);
    expect(message).not.toContain("\n");
  });

  it("bounds a code, and keeps nothing in it but letters, digits and dots", () => {
    const { code } = answer({ code: `Ecs.<b>${"x".repeat(500)}` });
    expect(code).toMatch(/^Ecs\.bx{1,60}$/);
  });

  it.each([
    ["a job's id", '{"job_id":"a\\ud83db"}', { job_id: "a\uFFFDb" }],
    [
      "something deep within, in upper case",
      '{"server":{"metadata":{"k":["\\uDE00"]}}}',
      { server: { metadata: { k: ["\uFFFD"] } } },
    ],
    ["nothing: a whole pair", '{"job_id":"\\ud83d\\ude00"}', { job_id: "😀" }],
  ])("replaces half of a character in %s", (_where, body, json) => {
    expect(answer(body).json).toEqual(json);
  });

  it("does not mind a byte order mark before the JSON", () => {
    expect(answer('\uFEFF{"job_id":"j"}').json).toEqual({ job_id: "j" });
  });

  it("keeps the request id of the header, else of the body, and no strange one", () => {
    expect(answer({}, { headers: { "x-request-id": "r-1" } }).requestId).toBe("r-1");
    expect(answer({ request_id: "r-2" }).requestId).toBe("r-2");
    expect(answer({ request_id: "two words" }).requestId).toBeNull();
  });

  it("reads the cloud's clock, moved on by half of the exchange", () => {
    const headers = { date: "Mon, 23 Nov 2026 14:20:00 GMT" };
    const sentMs = Date.UTC(2026, 10, 23, 14, 20);
    expect(answer({}, { headers, elapsedMs: 400 }).cloudTimeMs).toBe(sentMs + 200);
    expect(answer({}, { headers: { date: "yesterday" } }).cloudTimeMs).toBeNull();
    expect(answer({}).cloudTimeMs).toBeNull();
  });

  it("never throws, whatever came", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), fc.jsonValue()), (body) => {
        const read = answer(body);
        expect(read.message.length).toBeLessThanOrEqual(300);
      }),
    );
  });
});
