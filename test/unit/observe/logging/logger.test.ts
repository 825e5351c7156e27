import { describe, expect, it } from "vitest";
import { createLogger } from "../../../../src/observe/logging/logger.ts";

const SECRET = 'hunter2"\\hunter2';

function recorder(secrets: readonly (() => string)[] = []) {
  const lines: string[] = [];
  const logger = createLogger({
    level: "info",
    secrets,
    base: { region: "eu-west-0" },
    destination: { write: (line: string) => void lines.push(line) },
  });
  return { logger, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

describe("a log line", () => {
  it("is JSON with level by name, time, base fields and the fields of the call", () => {
    const { logger, parsed } = recorder();
    logger.info({ commandId: "c-1" }, "command accepted");
    logger.debug("not written");
    expect(parsed()).toEqual([
      {
        level: "info",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        service: "ecs-reinstall-worker",
        region: "eu-west-0",
        commandId: "c-1",
        msg: "command accepted",
      },
    ]);
  });

  it.each([
    "password",
    "adminpass",
    "user_data",
    "userData",
    "authorization",
    "Authorization",
    "X-Auth-Token",
    "x-security-token",
    "X-Subject-Token",
    "secretKey",
    "secret_key",
    "securityToken",
    "accessKey",
    "token",
    "passphrase",
    "Set-Cookie",
  ])("never holds the field %s, at any depth", (name) => {
    const { logger, lines } = recorder();
    logger.info({ [name]: "geheim", a: { b: [{ c: { [name]: "geheim" } }] } }, "x");
    logger.child({ headers: { [name]: "geheim" } }).info("x");
    expect(lines.join("")).not.toContain("geheim");
    expect(lines).toHaveLength(2);
  });

  it("keeps a fencing token, which is a number", () => {
    const { logger, parsed } = recorder();
    logger.info({ token: 17 }, "lock taken");
    expect(parsed()[0]).toMatchObject({ token: 17 });
  });

  it("never holds a known secret, in messages, stacks, causes and nested JSON neither", () => {
    const { logger, lines } = recorder([() => SECRET]);
    const cause = new Error(`refused ${SECRET}`);
    logger.error(new Error(`cannot use ${SECRET}`, { cause }), `failed with ${SECRET}`);
    logger.warn({ body: JSON.stringify({ text: SECRET }), url: encodeURIComponent(SECRET) }, "x");
    logger.info({ problem: new TypeError(SECRET) }, "x");
    const text = lines.join("");
    expect(text).not.toContain("hunter2");
    expect(lines.map((line) => JSON.parse(line).level)).toEqual(["error", "warn", "info"]);
  });

  it("never holds secret fields that hang on an error", () => {
    const { logger, parsed } = recorder();
    const error = Object.assign(new Error("refused"), { request: { password: ["geheim"] } });
    logger.error({ err: error }, "x");
    expect(parsed()[0].err).toMatchObject({
      type: "Error",
      message: "refused",
      stack: expect.stringContaining("Error: refused"),
      request: { password: "[redacted]" },
    });
  });

  it("never holds a secret of yesterday: it is rotated, not published", () => {
    let secret = "first-secret";
    const { logger, lines } = recorder([() => secret]);
    logger.info("before");
    secret = "second-secret";
    logger.info("first-secret and second-secret");
    expect(lines[1]).not.toMatch(/(first|second)-secret/);
  });

  it("never holds a password inside a URL, known or not", () => {
    const { logger, lines } = recorder();
    logger.error(new Error("connect amqps://me:p@ss:w0rd@broker:5671/v failed"), "broker is away");
    expect(lines[0]).not.toMatch(/p@ss|w0rd/);
    expect(lines[0]).toContain("amqps://me:[redacted]@broker:5671/v");
  });

  it("never holds user_data or headers that were printed into a text", () => {
    const { logger, lines } = recorder();
    logger.warn({ body: '{"os-reinstall":{"metadata":{"user_data":"IyEvYmlu"}}}' }, "x");
    logger.warn('answer: {"user_data":"IyEvYmlu"}|X-Auth-Token: MIIabc|host:ecs');
    const text = lines.join("");
    expect(text).not.toMatch(/IyEvYmlu|MIIabc/);
    expect(JSON.parse(lines[1] ?? "").msg).toContain("|host:ecs");
  });

  it("does not shred words for a secret of a few characters", () => {
    const { logger, parsed } = recorder([() => "a"]);
    logger.info("an ordinary line");
    expect(parsed()[0].msg).toBe("an ordinary line");
  });

  it("ends a cycle and keeps what is not plain", () => {
    const { logger, parsed } = recorder();
    const cycle: Record<string, unknown> = { at: new Date(0) };
    cycle["again"] = cycle;
    logger.info({ cycle }, "x");
    expect(parsed()[0].cycle).toMatchObject({ at: "1970-01-01T00:00:00.000Z" });
  });
});
