import type { AuditEntry } from "./audit.ts";
import type { SwitchEntry } from "./brakes.ts";
import type { CommandStory } from "./overview.ts";

/** Everything that is kept of one command, for a ticket. Holds nothing of the command's body, and no secret. */
export interface CommandEvidence {
  readonly story: CommandStory;
  /** What the emitter asked for; null: it was refused, or its order cannot be read. */
  readonly asked: AskedFor | null;
  /** What its steps led to, in their order; of many the first and the last are kept, and none from before Redis was emptied. */
  readonly steps: readonly TakenStep[];
  /** The request that was recorded last before it was sent; null: none was, or it is proven that it was not carried out. */
  readonly intent: RecordedIntent | null;
  /** Switches of people that cover this command or its server, standing or lifted, the youngest first. */
  readonly switches: readonly StoredSwitch[];
  /** What people did by hand about it or its server, and since it is known to its project or group, the youngest first. */
  readonly acts: readonly AuditEntry[];
  /** A person has asked for its end. */
  readonly cancelAsked: boolean;
}

/** An order as it is kept, without its body. */
export interface AskedFor {
  readonly onBusy: string;
  readonly dryRun: boolean;
  /** Brakes that do not apply to it. */
  readonly override: readonly string[];
  readonly receivedAtMs: number;
  readonly observedAtMs: number | null;
  readonly expectedSystemDisk: string | null;
  /** Two commands with the same may share one reinstall. */
  readonly wishHash: string;
  /** The same id with another hash is another command. */
  readonly contentHash: string;
}

/** What one step led to. */
export interface TakenStep {
  /** Counts the command's steps. */
  readonly step: number;
  /** When it was taken, by the store's clock, epoch ms. */
  readonly atMs: number;
  /** The phase that it led to. */
  readonly phase: string;
  readonly attempt: number;
  readonly events: readonly PublishedEvent[];
}

/** An event that a step published. */
export interface PublishedEvent {
  readonly event: string;
  readonly sequence: number;
  /** RFC 3339. */
  readonly time: string;
  /** What the event adds to its common members; null: it was too long to be kept. */
  readonly data: Readonly<Record<string, unknown>> | null;
}

/** A reinstall request as it was recorded before it was sent. */
export interface RecordedIntent {
  readonly attempt: number;
  /** When it was recorded, by the store's clock, epoch ms. */
  readonly atMs: number;
  /** Epoch ms: the cloud refuses it a while later; null: it was not signed (a token was used). */
  readonly signedAtMs: number | null;
  /** The system disk before it. */
  readonly systemDisk: string;
}

/** A switch that people, or a storm, set or lifted. */
export interface StoredSwitch extends SwitchEntry {
  readonly brake: string;
  /** `everything`, `project`, `group:<name>`, `server:<id>`, `protected:<id>`, `released:<id>`, or a storm's name. */
  readonly scope: string;
}
