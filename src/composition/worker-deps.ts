import type { Broker } from "../adapters/amqp/broker.ts";
import type { AmqpSettings } from "../adapters/amqp/settings.ts";
import type { CloudAdapter } from "../adapters/cloud/cloud-api.ts";
import { isEmittersMistake } from "../adapters/cloud/answers/error-table.ts";
import { marksInStoreTime } from "../adapters/redis/in-store-time.ts";
import { createReadiness } from "../adapters/readiness.ts";
import { isLoopback } from "../config/assemble.ts";
import { createJournal } from "../observe/journal.ts";
import { meteredCloud } from "../observe/metered-cloud.ts";
import { storeMeter } from "../observe/metered-store.ts";
import { watchedStore } from "../observe/watched-store.ts";
import type { ReachPoint } from "../steps/ports/clock.ts";
import type { WorkerDeps } from "../deliveries/worker-deps.ts";
import type { Config } from "../config/assemble.ts";
import type { Readiness } from "../steps/ports/readiness.ts";
import type { Ground } from "./ground.ts";
import { intakeRules, protocolRules } from "./settings.ts";
import type { Stores } from "./stores.ts";

/** Where steps go out, and where tests stop them. */
export interface Outside {
  readonly broker: Broker;
  readonly cloud: CloudAdapter;
  readonly amqp: AmqpSettings;
  /** Tests arm places in the code; in production there is nothing to reach. */
  readonly reach: ReachPoint;
}

/** The ports of the steps, each counted and, where somebody traces, traced. */
export function workerDeps(ground: Ground, stores: Stores, outside: Outside): WorkerDeps {
  const { config, projects, clock, metrics, logger, tracing, signal } = ground;
  const { broker, cloud, amqp, reach } = outside;
  const { store, evidence, durations, lists, storeClock } = stores;
  const rules = protocolRules(config);
  const meter = storeMeter({ metrics, clock, settleMs: rules.settleMs });
  const journal = createJournal({ logger, metrics, clock, isEmittersMistake });
  return {
    cloud: meteredCloud(tracing?.cloud(cloud) ?? cloud, metrics),
    store: watchedStore(store, tracing === null ? [meter] : [tracing.store, meter]),
    evidence: tracing?.evidence(evidence) ?? evidence,
    readiness: readinessOf(config),
    durations,
    lists,
    clock,
    rules,
    reach,
    journal: tracing?.journal(journal) ?? journal,
    projects,
    outlet: marksInStoreTime(broker.outlet, storeClock),
    region: config.cloud.region,
    intake: intakeRules(config, amqp),
    signal,
  };
}

/** Servers on this machine are those of a simulator on this machine. */
function readinessOf({ protocol, cloud }: Config): Readiness | undefined {
  const { readyProbe } = protocol;
  if (readyProbe === undefined) return undefined;
  const loopback = isLoopback(new URL(cloud.ecsEndpoint).hostname);
  return createReadiness({ probe: readyProbe, loopback });
}
