import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { z } from "zod";
import type { QueueFacts } from "./policy-rules.ts";
import type { AmqpManagement } from "./settings.ts";

/** What the management API says of one queue, or why it says nothing. */
export type FactsAnswer =
  | { readonly kind: "facts"; readonly facts: QueueFacts }
  | { readonly kind: "missing" }
  /** The broker's management part does not know the queue yet: it does so every few seconds. */
  | { readonly kind: "not-yet" };

/** A table; Erlang's JSON has `[]` for an empty one. */
const Table = z.preprocess(
  (value) => (Array.isArray(value) ? {} : value),
  z.record(z.string(), z.unknown()),
);
const Queue = z.looseObject({
  type: z.string(),
  arguments: Table,
  policy: z.string().nullish(),
  operator_policy: z.string().nullish(),
  effective_policy_definition: Table.nullish(),
});

const COLUMNS = "type,arguments,policy,operator_policy,effective_policy_definition";
const MAX_BYTES = 1_048_576;

/**
 * Asks the management API about one queue; for that a user needs the tag `management` and a right on the vhost. Rejects
 * when it does not answer as expected, with a message without secrets.
 */
export async function queueFacts(
  management: AmqpManagement,
  vhost: string,
  queue: string,
  timeoutMs: number,
): Promise<FactsAnswer> {
  const path = `/api/queues/${encodeURIComponent(vhost)}/${encodeURIComponent(queue)}`;
  const { status, body } = await get(management, `${path}?columns=${COLUMNS}`, timeoutMs);
  if (status === 404) return { kind: "missing" };
  if (status === 401) throw new Error("the management API refuses the user or its tags (401)");
  if (status !== 200) throw new Error(`the management API answers ${status}`);
  const parsed = Queue.safeParse(jsonOf(body));
  if (!parsed.success) throw new Error("the management API answers something else than a queue");
  const { data } = parsed;
  const effective = data.effective_policy_definition;
  if (effective === undefined || effective === null) return { kind: "not-yet" };
  return {
    kind: "facts",
    facts: {
      type: data.type,
      arguments: data.arguments,
      policy: named(data.policy),
      operatorPolicy: named(data.operator_policy),
      effective,
    },
  };
}

function get(
  { url, logIn, caPem }: AmqpManagement,
  path: string,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly body: string }> {
  const { username, password } = logIn();
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const ca = caPem?.();
  const options = {
    headers: { authorization, accept: "application/json" },
    agent: false as const,
    signal: AbortSignal.timeout(timeoutMs),
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  };
  const send = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const asked = send(`${url}${path}`, options, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text: string) => {
        body += text;
        if (body.length > MAX_BYTES) answer.destroy(new Error("the answer is too long"));
      });
      answer.on("error", reject);
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    asked.on("error", (error: NodeJS.ErrnoException) => {
      reject(new Error(`the management API cannot be reached (${error.code ?? error.message})`));
    });
    asked.end();
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const named = (name: string | null | undefined) =>
  name === undefined || name === null || name === "" ? null : name;
