import { z } from "zod";
import { asError } from "../../thrown.ts";
import type { Examined } from "./examined.ts";
import { askManagement } from "../topology/queue-facts.ts";
import type { AmqpManagement } from "../settings.ts";
import { topologyOf } from "../topology/topology.ts";

const IMPERSONATORS = "users that may publish as anybody";
const WRITERS = "users that may write to the worker's own queues";

/** Of one user in this vhost; each a regular expression. */
const Permission = z.looseObject({ user: z.string(), write: z.string() });
const User = z.looseObject({
  name: z.string(),
  /** RabbitMQ before 3.9 joins tags with commas. */
  tags: z.union([z.array(z.string()), z.string().transform((text) => text.split(","))]),
});

/**
 * Where broker users decide what is allowed: is there another way to be one of them? Who may publish under any name, and who may
 * write where only the worker does. The management API says both to administrators alone.
 */
export async function senderFindings(examined: Examined): Promise<void> {
  const { settings, vhost, found, user } = examined;
  const { management, rpcTimeoutMs } = settings;
  if (management === undefined) return;
  const asked = { management, rpcTimeoutMs };

  await looked(examined, IMPERSONATORS, async () => {
    const users = await listOf(asked, "/api/users?columns=name,tags", User);
    const all = users.flatMap(({ name, tags }) => (tags.includes("impersonator") ? [name] : []));
    if (all.length === 0) return found.ok(IMPERSONATORS, "none");
    const todo = "Take the tag impersonator from them: the sender of a command is not proven.";
    found.warning(IMPERSONATORS, `with the tag impersonator: ${listed(all)}`, todo);
  });

  await looked(examined, WRITERS, async () => {
    const path = `/api/vhosts/${encodeURIComponent(vhost)}/permissions`;
    const permissions = await listOf(asked, path, Permission);
    const internal = topologyOf(settings).queues.flatMap((one) => (one.internal ? [one.name] : []));
    // Into a queue one writes through the default exchange, or through a binding of one's own.
    const closed = ["amq.default", ...internal];
    const others = permissions.filter(
      (one) => one.user !== user && closed.some((name) => allows(one.write, name)),
    );
    if (others.length === 0) return found.ok(WRITERS, `none but '${user}'`);
    const todo =
      "Take from them the right to write to amq.default and to the worker's queues (docs/security.md): there they can be any sender.";
    const names = listed(others.map((one) => one.user));
    found.warning(WRITERS, `beside '${user}': ${names}`, todo);
  });
}

async function looked({ found }: Examined, check: string, look: () => Promise<void>) {
  try {
    await look();
  } catch (error) {
    const todo =
      "Ask as an administrator, once: AMQP_MANAGEMENT_USERNAME; or rabbitmqctl list_users and list_permissions.";
    found.warning(check, `could not be asked: ${asError(error).message}`, todo);
  }
}

async function listOf<T extends z.ZodType>(
  { management, rpcTimeoutMs }: { management: AmqpManagement; rpcTimeoutMs: number },
  path: string,
  item: T,
): Promise<z.output<T>[]> {
  const answer = await askManagement(management, path, rpcTimeoutMs);
  const read = z.array(item).safeParse(answer?.json);
  if (!read.success) throw new Error("the management API answers something else than a list");
  return read.data;
}

/**
 * As RabbitMQ reads a right: nothing is allowed by an empty one, and a pattern may match anywhere in a name.
 *
 * @internal
 */
export function allows(pattern: string, name: string): boolean {
  if (pattern === "") return false;
  try {
    return new RegExp(pattern).test(name);
  } catch {
    // Erlang knows patterns that we do not: whoever has one should be looked at.
    return true;
  }
}

const MOST_NAMED = 10;

function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return [...names.slice(0, MOST_NAMED), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
