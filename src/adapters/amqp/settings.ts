/** Everything that this room needs to know. All times are milliseconds unless the name says otherwise. */
export interface AmqpSettings {
  /** `amqp://` or `amqps://`, tried in turn: the nodes of one cluster. */
  readonly urls: readonly string[];
  /** For `amqps://`; PEM texts, not file names. */
  readonly tls?: AmqpTls;
  /** What to connect with now, where passwords and certificates are replaced while we run; never throws. Without it, `urls` and `tls` stay as they are. */
  readonly access?: () => AmqpAccess;
  readonly names: AmqpNames;
  /** The delay ladder: one queue for each rung, since a quorum queue expires messages at its head only. */
  readonly delaysMs: readonly number[];
  /** False: the application has no configure permission, everything must exist already. */
  readonly declare: boolean;
  /** Deliveries in hand per consumer. */
  readonly prefetch: number;
  /** Never 0: amqplib 2 takes that for "no heartbeat". */
  readonly heartbeatSeconds: number;
  /** From the first packet to an open AMQP connection. */
  readonly connectTimeoutMs: number;
  /** For every question to the broker: amqplib itself waits for ever. */
  readonly rpcTimeoutMs: number;
  readonly confirmTimeoutMs: number;
  readonly maxPendingConfirms: number;
  /** How often an idle publisher asks whether the broker still takes messages. */
  readonly probeIntervalMs: number;
  /** How often queues are looked for, and the policies over them. */
  readonly policyCheckMs: number;
  /** Where the broker's management API is; without it nobody can ask for policies. */
  readonly management?: AmqpManagement;
  readonly reconnect: { readonly initialMs: number; readonly maxMs: number };
}

/** What a connection is opened with. */
export type AmqpAccess = Pick<AmqpSettings, "urls" | "tls">;

/** Where policies are asked for, and as whom. */
export interface AmqpManagement {
  /** `http://host:15672`, without a closing slash. */
  readonly url: string;
  /** As they are now. */
  readonly logIn: () => { readonly username: string; readonly password: string };
  readonly caPem?: () => string;
}

interface AmqpTls {
  readonly caPem?: string;
  readonly certPem?: string;
  readonly keyPem?: string;
  readonly passphrase?: string;
  /** The name that the broker's certificate must carry, where it is not the host of the URL. */
  readonly servername?: string;
}

/** Names of our exchanges and queues. */
export interface AmqpNames {
  readonly commandsExchange: string;
  readonly commandsQueue: string;
  readonly eventsExchange: string;
  readonly deadQueue: string;
  readonly workQueue: string;
  readonly workDeadQueue: string;
  /** A delay queue is named this and its milliseconds. */
  readonly delayPrefix: string;
}

/** Hears of everything that changes; the composition root turns it into log lines and counts. */
export type OnAmqpEvent = (
  level: "debug" | "info" | "warn" | "error",
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
