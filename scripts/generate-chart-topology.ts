// Writes helm/ecs-reinstall-worker/files/topology.yaml: `npx tsx scripts/generate-chart-topology.ts`. A test of the chart
// compares.
import { writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { dump } from "js-yaml";
import {
  type QueuePlan,
  topologyOf,
  waitingDelayQueue,
  waitingQueue,
} from "../src/adapters/amqp/topology/topology.ts";
import { longestOf } from "../src/core/waiting/crowd.ts";
import { readYaml } from "../src/config/files.ts";

type Plan = Parameters<typeof topologyOf>[0];

const DEFAULTS = fileURLToPath(new URL("../config/default.yaml", import.meta.url));
const FILE = new URL("../helm/ecs-reinstall-worker/files/topology.yaml", import.meta.url);

const HEAD = `# What the worker declares, for the chart's objects of RabbitMQ's topology operator. Made by
# scripts/generate-chart-topology.ts from src/adapters/amqp/topology/topology.ts. There is one delay queue for each delay,
# and one more of the longest.
`;

/** The topology with the default names, and what a worker that declares nothing may do. */
export function chartTopology(): string {
  const { amqp, protocol } = readYaml(DEFAULTS) as {
    readonly amqp: Pick<Plan, "names">;
    readonly protocol: { readonly pollIntervalsMs: readonly number[] };
  };
  const { names } = amqp;
  const delaysMs = protocol.pollIntervalsMs;
  const { exchanges, queues, bindings } = topologyOf({ names, delaysMs } as Plan);
  const isDelay = ({ name }: QueuePlan) => name.startsWith(names.delayPrefix);
  const [delay] = queues.filter(isDelay);
  if (delay === undefined) throw new Error("there is no delay queue");
  const longestMs = longestOf(delaysMs);
  const waiting = queues.find(({ name }) => name === waitingDelayQueue(names, delaysMs));
  if (waiting === undefined) throw new Error("there is no delay queue for those who wait");
  const { "x-message-ttl": _ttl, ...delayArguments } = delay.arguments;
  const { "x-message-ttl": _longest, ...waitingArguments } = waiting.arguments;
  const plan = {
    exchanges: exchanges.map(({ name }) => name),
    queues: queues.filter((queue) => !isDelay(queue)).map(forTheOperator),
    delays: { prefix: names.delayPrefix, ms: delaysMs, arguments: withoutType(delayArguments) },
    // One more, of the longest delay.
    waiting: {
      prefix: waiting.name.slice(0, -String(longestMs).length),
      arguments: withoutType(waitingArguments),
    },
    bindings,
    permissions: {
      configure: "^$",
      // The default exchange leads into our own queues; the commands exchange is for `helm test` alone.
      write: anyOf("amq.default", names.commandsExchange, names.eventsExchange),
      read: anyOf(names.commandsQueue, names.workQueue, waitingQueue(names), names.workDeadQueue),
    },
  };
  return HEAD + dump(plan, { lineWidth: -1 });
}

function forTheOperator({ name, arguments: given }: QueuePlan) {
  return { name, arguments: withoutType(given) };
}

/** The operator says the type by a field of its own. */
function withoutType({ "x-queue-type": _type, ...rest }: QueuePlan["arguments"]) {
  return rest;
}

function anyOf(...names: readonly string[]): string {
  const escaped = [...new Set(names)].map((name) => name.replaceAll(".", "\\."));
  return `^(${escaped.join("|")})$`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(FILE, chartTopology());
}
