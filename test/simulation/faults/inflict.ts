import type { PROCESS_FAULTS, WORLD_FAULTS } from "./faults.ts";
import type { SimulatedProcess } from "../process.ts";
import type { World } from "../world.ts";

type BoundaryFault = (typeof PROCESS_FAULTS)[number] | (typeof WORLD_FAULTS)[number];

/** Carries out a fault of a process or of the world. */
export function inflict(world: World, fault: BoundaryFault, process: SimulatedProcess): void {
  const { random, time, memory, broker, cloud, loss } = world;
  const incarnation = world.incarnations.find((one) => one.process === process);
  if (incarnation === undefined) return;
  switch (fault) {
    case "crash":
      incarnation.crash();
      time.after(random.wild(500, 30_000), () => world.start());
      return;
    case "pause":
      incarnation.pause(random.wild(500, 900_000));
      return;
    case "disconnect":
      incarnation.disconnect();
      return;
    case "terminate":
      incarnation.terminate(random.wild(100, 15_000));
      time.after(random.wild(500, 30_000), () => world.start());
      return;
    case "block":
      world.block(process, random.wild(500, 60_000));
      return;
    case "broker-down":
      if (!broker.up) return;
      broker.setUp(false);
      for (const one of world.incarnations) one.reconnect();
      time.after(random.wild(500, 60_000), () => broker.setUp(true));
      return;
    case "store-away":
      world.storeUp = false;
      time.after(random.wild(500, 60_000), () => (world.storeUp = true));
      return;
    case "store-flush":
      return loss.suffer(() => memory.flushAll());
    case "store-restart":
      return loss.suffer(() => memory.restart());
    case "store-forget": {
      const ms = random.wild(10, 1_000);
      return loss.suffer(() => memory.forgetSince(memory.nowMs() - ms));
    }
    case "outsider": {
      const { id } = random.pick(world.scenario.servers);
      const acts = ["start", "stop", "reinstall", "reinstall", "lock", "unlock", "delete"] as const;
      const act = random.pick(acts);
      // Whoever replaces a disk honours the lock: that somebody does not, while our request is on its way, is
      // beyond what can be told apart (docs/promises.md).
      const taken = world.project.locks.has(id) || world.inFlight > 0;
      const polite = !world.scenario.rudeOutsiders;
      return cloud.outsider(id, act === "reinstall" && taken && polite ? "stop" : act);
    }
    case "cancel": {
      const [id, record] = random.pick([...world.project.records, ["", null] as const]);
      // Or frees a server that was left unresolved.
      if (record?.outcome === "unresolved") world.project.locks.delete(record.server);
      else if (record !== null && record !== undefined) {
        world.project.records.set(id, { ...record, cancel: {} });
      }
      return;
    }
    case "hold-all":
      return world.pauses.pauseForAWhile();
  }
}
