import { ARRIVAL_TYPE, arrivalOf } from "../../../src/adapters/amqp/marks.ts";
import type { ProgressEvent } from "../../../src/contract/event.ts";
import type { Worker } from "../../../src/worker.ts";

/** The broker user who publishes every copy of a command; undefined: the broker was not asked to prove it. */
export function senderOf(id: string): string | undefined {
  return id.endsWith("1") ? undefined : `healer-${id.at(-1)}`;
}

/** What an emitter writes who would like to be somebody else. */
export const FORGED = {
  type: ARRIVAL_TYPE,
  headers: { "x-ecs-sender": "mallory", "x-ecs-arrived-at": 0 },
};

/** What an event says of who sent its command, where that is not so; null: it is. */
export function wrongSender({ data }: ProgressEvent): string | null {
  const { command_id: id, reused_command_id: reused, sender } = data;
  const [about = ""] = (typeof reused === "string" ? reused : id).split("~");
  const sent = senderOf(about);
  return sender === sent ? null : `the sender ${sender} of a command that ${sent} has sent`;
}

/** For a mutant: what a message of the command queue says of who sent it counts. */
export function believingEmitters(worker: Worker): Worker {
  return {
    ...worker,
    takeCommand: (delivery, marks = null) =>
      worker.takeCommand({ ...delivery, userId: arrivalOf(delivery)?.sender }, marks),
  };
}
