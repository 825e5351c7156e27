import type { StoreAway } from "../../src/steps/ports/store-trouble.ts";
import type { Reply } from "../support/in-memory/cloud-port.ts";
import type { PublishTransport } from "../support/in-memory/outlet.ts";
import type { StoreTransport } from "../support/in-memory/store.ts";
import type { DeliveryContext } from "./mutation.ts";
import type { SimulatedProcess } from "./process.ts";
import { STORE_TIMEOUT_MS } from "./rules.ts";
import type { World } from "./world.ts";

const AWAY: StoreAway = { kind: "away", message: "simulated" };
const CONFIRM_TIMEOUT_MS = 10_000;

/**
 * One request of a process: a place where it may die or be stopped before it is sent, and another before the
 * answer is read. What the network does in between goes on without the process. With `givenUp`, who waits for
 * nothing any more has that answer at once.
 */
export function request<T>(
  world: World,
  process: SimulatedProcess,
  label: string,
  network: (reply: Reply<T>) => void,
  givenUp?: { readonly signal: AbortSignal; readonly answer: T },
): Promise<T> {
  return new Promise((resolve) => {
    let answered = false;
    const answer = (value: T) => {
      if (answered) return;
      answered = true;
      givenUp?.signal.removeEventListener("abort", giveUp);
      process.inside(() => {
        world.boundary(process, `${label} answered`);
        process.inside(() => {
          world.resumed(process, label, value);
          resolve(value);
        });
      });
    };
    const giveUp = () => {
      if (givenUp !== undefined) answer(givenUp.answer);
    };
    world.boundary(process, label);
    process.inside(() => {
      givenUp?.signal.addEventListener("abort", giveUp);
      network((value, delayMs) => world.time.after(delayMs, () => answer(value)));
    });
  });
}

/** Redis: a lost request, a lost reply, a command that is carried out after its time-out, or nothing there at all. */
export function storeTransport(
  world: World,
  process: SimulatedProcess,
  { about, lineage, envelope, redelivered = false }: DeliveryContext,
): StoreTransport {
  return <T>(label: string, effect: () => T) =>
    request<T | StoreAway>(world, process, label, (reply) => {
      const { time, random, dice } = world;
      const there = world.latency();
      const carryOut = () => {
        if (!world.storeUp) {
          if (!label.startsWith("list-")) world.loss.unasked(about);
          return AWAY;
        }
        const answer = effect();
        if (label === "admit" && lineage !== undefined && kindOf(answer) === "claimed") {
          world.monitor.track(about).admitted.add(lineage);
        }
        if (
          label === "claim" &&
          envelope?.state.phase === "prepare" &&
          kindOf(answer) === "claimed"
        ) {
          const { step, revived } = envelope;
          world.turnedOff.preparing(about, step, redelivered || revived > 0);
        }
        if (world.tracing) world.trace(`store    ${about} ${label} -> ${brief(answer)}`);
        return answer;
      };
      const noAnswer = () => {
        // What becomes of a list moves nobody but the next poll.
        if (!label.startsWith("list-")) world.loss.unasked(about);
        reply(AWAY, STORE_TIMEOUT_MS);
      };
      if (dice.call("store-lost-request", label)) return noAnswer();
      if (dice.call("store-lost-reply", label)) {
        time.after(there, carryOut);
        return noAnswer();
      }
      if (dice.call("store-late", label)) {
        time.after(STORE_TIMEOUT_MS + random.wild(10, 60_000), carryOut);
        return noAnswer();
      }
      time.after(there, () => reply(carryOut(), world.latency()));
    });
}

/** The broker: a message lost, taken twice, taken without a word, or held in its socket until an alarm is over. */
export function publishTransport(world: World, process: SimulatedProcess): PublishTransport {
  return (label, accept, signal) => {
    const network = (reply: Reply<Awaited<ReturnType<PublishTransport>>>) => {
      const { time, dice, random } = world;
      if (signal.aborted) return reply("unconfirmed", 0);
      // The broker speaks of its alarm only to who publishes: the first message was sent already.
      const sent = !world.isBlocked(process) || random.chance(0.5);
      const take = () => {
        if (accept()) return true;
        if (sent) held();
        return false;
      };
      const held = () => {
        // With the broker its sockets are gone.
        if (world.broker.up) time.after(1_000, () => accept() || held());
      };
      const there = world.latency();
      const isEvent = label.startsWith("publish event");
      if (isEvent && dice.call("publish-refused", label)) return reply("refused", world.latency());
      if (dice.call("publish-lost", label)) return reply("unconfirmed", CONFIRM_TIMEOUT_MS);
      if (dice.call("publish-lost-confirm", label)) {
        time.after(there, take);
        return reply("unconfirmed", CONFIRM_TIMEOUT_MS);
      }
      if (dice.call("publish-twice", label)) time.after(there + world.latency(), take);
      time.after(there, () => {
        if (take()) reply("confirmed", world.latency());
        else reply("unconfirmed", CONFIRM_TIMEOUT_MS);
      });
    };
    return request(world, process, label, network, { signal, answer: "unconfirmed" });
  };
}

function kindOf(answer: unknown): unknown {
  return typeof answer === "object" && answer !== null && "kind" in answer ? answer.kind : null;
}

/** An answer in a few words, for the trace. */
export function brief(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  const { kind, lock, attempt, restored, takenOver, foreignEpoch, mayHaveRun, waitsFor, message } =
    value as Record<string, unknown>;
  const parts: unknown[] = [kind];
  if (lock !== undefined) parts.push(`lock ${brief(lock)}`);
  if (typeof restored === "string" && restored !== "no") parts.push(`restored ${restored}`);
  if (takenOver === true) parts.push("taken-over");
  if (foreignEpoch === true) parts.push("foreign-epoch");
  if (mayHaveRun === true) parts.push("may-have-run");
  if (typeof attempt === "number") parts.push(`attempt ${attempt}`);
  if (typeof waitsFor === "string") parts.push(waitsFor);
  if (typeof message === "string") parts.push(`"${message}"`);
  return parts.join(" ");
}
