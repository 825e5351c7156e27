import { connect } from "amqplib";
import type { Message } from "./story.ts";

const EXCHANGE = "ecs.reinstall.commands";
const ROUTING_KEY = "reinstall";
/** Who owns the key pairs. */
const USER_ID = "7e25b1da389f4697a79df3a0e5bd494e";

interface Letter {
  readonly commandId: string;
  readonly serverId: string | null;
  readonly message: Message;
  readonly copies: number;
}

export interface Emitter {
  /** Resolves when the broker has confirmed every copy. */
  send(letter: Letter): Promise<void>;
  stop(): Promise<void>;
}

/** Sends commands as another team's service would: one JSON message each, persistent, confirmed. */
export async function createEmitter(amqpUrl: string, storyStartMs: number): Promise<Emitter> {
  const connection = await connect(amqpUrl);
  connection.on("error", () => undefined);
  const channel = await connection.createConfirmChannel();
  return {
    async send({ commandId, serverId, message, copies }) {
      const body =
        message.kind === "text"
          ? message.text
          : JSON.stringify(commandBody(commandId, serverId, message, storyStartMs));
      for (let copy = 0; copy < copies; copy += 1) {
        channel.publish(EXCHANGE, ROUTING_KEY, Buffer.from(body), {
          persistent: true,
          mandatory: true,
          contentType: "application/json",
          messageId: commandId,
        });
      }
      await channel.waitForConfirms();
    },
    async stop() {
      await connection.close().catch(() => undefined);
    },
  };
}

function commandBody(
  commandId: string,
  serverId: string | null,
  message: Extract<Message, { kind: "command" }>,
  storyStartMs: number,
): object {
  const instant = (seconds: number) => new Date(storyStartMs + seconds * 1_000).toISOString();
  return {
    command_id: commandId,
    server_id: serverId,
    "os-reinstall": { keyname: message.keyname, userid: USER_ID },
    source: "demo",
    ...(message.onBusy !== undefined && { on_busy: message.onBusy }),
    ...(message.dryRun === true && { dry_run: true }),
    ...(message.expiresAtSeconds !== undefined && {
      expires_at: instant(message.expiresAtSeconds),
    }),
    ...(message.observedAtSeconds !== undefined && {
      observed_at: instant(message.observedAtSeconds),
    }),
  };
}
