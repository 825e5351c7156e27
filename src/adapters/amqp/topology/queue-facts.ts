import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { z } from "zod";
import type { QueueFacts } from "./policy-rules.ts";
import type { AmqpManagement, AmqpSettings } from "../settings.ts";

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
  const answer = await askManagement(management, `${path}?columns=${COLUMNS}`, timeoutMs);
  if (answer === null) return { kind: "missing" };
  const parsed = Queue.safeParse(answer.json);
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

/** One question; null: there is no such thing. Rejects when it does not answer, or refuses. */
export async function askManagement(
  management: AmqpManagement,
  path: string,
  timeoutMs: number,
): Promise<{ readonly json: unknown } | null> {
  const { status, body } = await get(management, path, timeoutMs);
  if (status === 404) return null;
  if (status === 401) throw new Error("the management API refuses the user or its tags (401)");
  if (status !== 200) throw new Error(`the management API answers ${status}`);
  return { json: jsonOf(body) };
}

type Asked = Pick<AmqpSettings, "management" | "rpcTimeoutMs">;

/** `topic`, `direct`, …; null: nobody can say. */
export async function exchangeType(
  { management, rpcTimeoutMs }: Asked,
  vhost: string,
  name: string,
): Promise<string | null> {
  if (management === undefined) return null;
  const path = `/api/exchanges/${encodeURIComponent(vhost)}/${encodeURIComponent(name)}?columns=type`;
  const answer = await askManagement(management, path, rpcTimeoutMs);
  return z.looseObject({ type: z.string() }).safeParse(answer?.json).data?.type ?? null;
}

/** Is the queue bound so? Null: nobody can say. */
export async function bindingExists(
  { management, rpcTimeoutMs }: Asked,
  vhost: string,
  binding: { readonly queue: string; readonly exchange: string; readonly key: string },
): Promise<boolean | null> {
  if (management === undefined) return null;
  const of = [vhost, "e", binding.exchange, "q", binding.queue].map((part, index) =>
    index % 2 === 1 ? part : encodeURIComponent(part),
  );
  const answer = await askManagement(management, `/api/bindings/${of.join("/")}`, rpcTimeoutMs);
  if (answer === null) return false;
  const read = z.array(z.looseObject({ routing_key: z.string() })).safeParse(answer.json);
  return read.success ? read.data.some(({ routing_key: key }) => key === binding.key) : null;
}

/** What the management API's user is, and whether messages may come from another broker. */
export async function brokerFeatures({
  management,
  rpcTimeoutMs,
}: Asked & { readonly management: AmqpManagement }): Promise<{
  readonly tags: readonly string[];
  readonly federated: boolean;
}> {
  const [who, overview] = await Promise.all([
    askManagement(management, "/api/whoami", rpcTimeoutMs),
    askManagement(management, "/api/overview", rpcTimeoutMs),
  ]);
  const { tags } = Whoami.parse(who?.json);
  const { exchange_types: types } = Features.parse(overview?.json);
  return { tags, federated: types.some(({ name }) => name === "x-federation-upstream") };
}

/** RabbitMQ before 3.9 joins tags with commas. */
const Whoami = z.looseObject({
  tags: z.union([
    z.array(z.string()),
    z.string().transform((text) => text.split(",").filter(Boolean)),
  ]),
});
const Features = z.looseObject({ exchange_types: z.array(z.looseObject({ name: z.string() })) });

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
