import type { Page, PageAsked } from "./page.ts";
import type { CommandStatus, ServerStatus } from "./status.ts";
import type { Found } from "./found.ts";
import type { ProjectId, ServerId } from "./ids.ts";

/** What one brake says of a command, or of a new command for a server, at this moment. */
export interface BrakeSaid {
  /** Its name (`contract/brakes.ts`). */
  readonly brake: string;
  readonly verdict: "go" | "wait" | "no";
  /** In a sentence; null: it says go, and there is no more to say. */
  readonly detail: string | null;
  /** What it covers or where it is set, where it has such a thing. */
  readonly scope: string | null;
  /** Epoch ms; null: not known. */
  readonly untilMs: number | null;
}

/** A command with everything that says why it is where it is. Holds nothing of the command's body. */
export interface CommandDetail extends CommandStatus {
  /** When the store took it up, epoch ms; null: not known. */
  readonly createdAtMs: number | null;
  /** Number of its present, or next, try to send the request. */
  readonly attempt: number;
  /** A reason to wait (`WaitReason`); null: it does not wait. */
  readonly waitsFor: string | null;
  /** The command, or other service, that it waits for. */
  readonly holder: string | null;
  /** Since when it is in this phase or waits for this, epoch ms; null: not known. */
  readonly sinceMs: number | null;
  /** When its next step is due, by the store's clock, epoch ms; null: it has none. */
  readonly nextTryMs: number | null;
  /** It is not started after this, epoch ms. */
  readonly expiresAtMs: number | null;
  readonly notBeforeMs: number | null;
  /** What its emitter said. */
  readonly source: string | null;
  readonly reason: string | null;
  readonly group: string | null;
  /** What became of it after it ended `unresolved`: `data` of its `settled` event; null: nothing is known. */
  readonly settled: unknown;
}

/** One reinstall in the history of a server. */
export interface PastReinstall {
  readonly commandId: string;
  readonly attempt: number;
  /** When its request was about to be sent, epoch ms. */
  readonly atMs: number;
  /** Epoch ms; null: it goes on. */
  readonly endedMs: number | null;
  /** Its final event, or what was found out after `unresolved`; null: it goes on. */
  readonly outcome: string | null;
  readonly source: string | null;
  readonly reason: string | null;
}

/** A server with everything that says why it is not reinstalled. */
export interface ServerDetail extends ServerStatus {
  /** The youngest first. */
  readonly history: readonly PastReinstall[];
  /** Of a new command without a group; null: the store could not be asked. */
  readonly brakes: readonly BrakeSaid[] | null;
}

/** What an event said to people. */
export interface LastWord {
  /** Epoch ms. */
  readonly atMs: number;
  /** In a sentence. */
  readonly detail: string;
  /** What a person should do; null: it did not say. */
  readonly nextStep: string | null;
}

/** A command, what every brake says of it now, and its server. */
export interface CommandStory {
  readonly command: CommandDetail;
  /** Of what it waits for, where that is no brake; null: it does not wait for such a thing, or its event said no more. */
  readonly lastWord: LastWord | null;
  /** Null: it has ended, or its order cannot be read. */
  readonly brakes: readonly BrakeSaid[] | null;
  /** Null: its server is not known. */
  readonly server: ServerDetail | null;
}

/** Which commands are wanted. What is left out does not filter. */
export interface CommandFilter {
  readonly project?: ProjectId | undefined;
  /** A phase; `ended`: those that ended last. */
  readonly state?: string | undefined;
  /** The final event of those that ended. */
  readonly outcome?: string | undefined;
  readonly waitsFor?: string | undefined;
  readonly server?: ServerId | undefined;
  readonly source?: string | undefined;
  readonly group?: string | undefined;
  /** In the store for at least so long. */
  readonly minAgeMs?: number | undefined;
}

/** A server that is locked. */
export interface LockView {
  readonly projectId: string;
  readonly serverId: string;
  /** A command's id, or the name of another service. */
  readonly owner: string;
  readonly token: number;
  readonly operation: string;
  /** Null: another service has not said it, or nobody can read it. */
  readonly sinceMs: number | null;
  /** `unresolved`: its command has ended, and nobody knows whether the server was reinstalled. */
  readonly phase: string;
}

/** The commands of each project that have a slot: from the `go` of the brakes to the final event. */
export interface InWork {
  /** Who has its slot for longest comes first; of each project a bounded number. */
  readonly commands: readonly CommandDetail[];
  /** Entries of the index of open commands, inquiries included, of all projects that were asked for. */
  readonly open: number;
}

/** Lists of what the store has in hand, for people. None rejects for what the store does. */
export interface Overview {
  /**
   * Open commands, and inquiries after `unresolved` (phase `inquiry`): who has not moved for longest comes first. Each call looks at
   * a bounded number of them. Who moves on between two pages is seen again, and nobody is left out. `absent`: not a project of
   * this worker. With `state: "ended"` instead: the commands that ended last, of each project as many as the store remembers, the youngest
   * end first.
   */
  commands(filter: CommandFilter, page: PageAsked): Promise<Found<Page<CommandDetail>>>;
  /** `absent` as above. */
  inWork(project: ProjectId | undefined): Promise<Found<InWork>>;
  /** Locked servers, the oldest lock first; bounded as above. */
  locks(project: ProjectId | undefined, page: PageAsked): Promise<Found<Page<LockView>>>;
}
