import type { Envelope } from "../../../src/core/state/envelope.ts";
import type { Outgoing } from "../../../src/steps/ports/outlet.ts";
import { anEnvelope, anEvent, NEVER } from "../amqp/rig.ts";
import type { BrokerRig } from "./rig.ts";

export const step = (command: string, delayMs = 0): Outgoing => ({
  kind: "step",
  envelope: anEnvelope(command),
  delayMs,
});

/** Of a command that waits: from the longest delay it comes back by another queue. */
export const waits = (command: string, delayMs: number): Outgoing => ({
  kind: "step",
  envelope: anEnvelope(command, { state: { phase: "waiting" } as Envelope["state"] }),
  delayMs,
});

/** The message ids of these commands' steps. */
export const stepIds = (...commands: string[]) => commands.map((command) => `${command}/step/1`);

export const event = (id: string, routingKey?: string): Outgoing => ({
  kind: "event",
  event: anEvent(id),
  ...(routingKey === undefined ? {} : { routingKey }),
});

export const publish = ({ outlet }: BrokerRig, ...messages: Outgoing[]) =>
  outlet.publish(messages, NEVER);

/** Steps of these commands, without a delay, one after the other. */
export const publishSteps = (rig: BrokerRig, ...commands: string[]) =>
  publish(rig, ...commands.map((command) => step(command)));
