import type { DiskId, JobId, ServerId } from "../../../src/contract/ids.ts";
import type {
  DiskLook,
  JobLook,
  ListLook,
  Look,
  Refusal,
  ServerView,
  StartOutcome,
  StopOutcome,
  Submission,
} from "../../../src/core/server/observations.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How a reinstall that the cloud takes will go. */
export interface Course {
  readonly durationMs: number | null;
  readonly end: "success" | "fail-error" | "fail-old-disk" | "fail-no-disk";
  /** The job says SUCCESS this long before the server is ready. Not of one that fails: it never takes SUCCESS back. */
  readonly earlyMs: number;
  /** The job is not known before, and not after. */
  readonly visibleAfterMs: number;
  readonly vanishesAfterMs: number | null;
  /** The job names another server. */
  readonly foreign: boolean;
  /** Its parts name a temporary server only until this long after the POST. */
  readonly oursAfterMs?: number;
}

export interface ServerPlan {
  readonly id: ServerId;
  /** `ERROR`: its last reinstall failed. */
  readonly status: "ACTIVE" | "SHUTOFF" | "ERROR";
  /** `hidden`: nothing shows that a reinstall runs, and the disk is replaced in the last instant. */
  readonly view: "shown" | "hidden";
  /** A soft stop that does not work never ends; a hard one may overtake it. */
  readonly softStopWorks: boolean;
  /** Power state after a reinstall: not documented (ECS API notes §1.6). */
  readonly endsAs: "ACTIVE" | "SHUTOFF";
  /** How a start ends; absent: it runs. */
  readonly startEnds?: StartEnd;
  /** What its tag says; absent: it has none. */
  readonly mark?: "never" | "allowed";
  /** Absent: the look shows none. */
  readonly address?: string;
  /** How long after its reinstall it answers who asks it; absent: never. */
  readonly answersAfterMs?: number;
}

/** `stays-off`: the job says SUCCESS; `job-fails` and `error`: it says FAIL, and leaves the server off or in `ERROR`. */
type StartEnd = "running" | "job-fails" | "stays-off" | "error";

interface Server extends Omit<ServerPlan, "status" | "mark"> {
  mark: "never" | "allowed" | null;
  vm: "active" | "stopped" | "error";
  /** The command whose stop turned it off, as long as nothing else was done to it since; null: none. */
  offBy: string | null;
  /** Attached when nothing runs. */
  disk: DiskId | null;
  diskChanges: number;
  exists: boolean;
  locked: boolean;
  /** What runs on it now, whatever it shows: one, or several where the cloud is lax. */
  readonly running: Set<Operation>;
}

interface Operation {
  readonly what: "reinstall" | "soft stop" | "hard stop" | "start";
  readonly startMs: number;
  /** Null: it never ends. */
  readonly durationMs: number | null;
  /** Has a reinstall taken the old disk away? */
  detached: boolean;
  /** The disk that it attaches. */
  readonly newDisk: DiskId | null;
}

interface PowerJob {
  readonly serverId: ServerId;
  readonly operation: Operation;
  overtaken: boolean;
}

/** What was done to a server's power through the API, counted when it began; and what it came to. */
interface PowerLedger {
  readonly stops: number;
  readonly starts: number;
  readonly isOn: boolean;
}

/** A reinstall that the cloud carried out: one line of the ledger. */
export interface Execution {
  /** Null: by somebody else. */
  readonly commandId: string | null;
  readonly serverId: ServerId;
  readonly jobId: JobId;
  readonly signedAtMs: number;
  readonly startMs: number;
  /** Null: it never ends. */
  endMs: number | null;
  outcome: "running" | "succeeded" | "failed";
  readonly course: Course;
}

export interface CloudOptions {
  readonly time: VirtualTime;
  readonly signatureWindowMs: number;
  /** Accepts a reinstall whatever the server is doing. */
  readonly lax: boolean;
  /** Servers and their first disks are older than the test by this. */
  readonly agedMs?: number;
  /** A reinstall keeps the disk's id: our evidence is wrong here. */
  readonly keepsDisk: boolean;
  readonly volumeType: string | null;
  readonly plans: readonly ServerPlan[];
  readonly courseOf: () => Course;
  readonly stopMs: () => number;
  readonly startMs: () => number;
  readonly onExecuted: (execution: Execution, overlapping: readonly Execution[]) => void;
  /** A stop of a command's has turned a server off. */
  readonly onStopped?: (serverId: ServerId, commandId: string) => void;
  /** A server runs by a start. */
  readonly onStarted?: (serverId: ServerId) => void;
  readonly onTrace?: (text: string) => void;
}

/** Codes and statuses of ECS API notes §5.2 and §5.3, in the classes of the worker. */
const REFUSALS = {
  "not-found": ["Ecs.0114", 404, false],
  "server-locked": ["Ecs.0605", 400, false],
  "server-busy": ["Ecs.0603", 501, true],
  "wrong-state": ["Ecs.0100", 400, true],
  "no-system-disk": ["Ecs.0105", 400, false],
  quota: ["Ecs.0001", 400, false],
  throttled: ["Common.0024", 202, true],
  authentication: ["APIGW.0301", 401, true],
} as const;

export function refusal(kind: keyof typeof REFUSALS): Refusal {
  const [cloudCode, httpStatus, retryable] = REFUSALS[kind];
  return { class: kind, cloudCode, httpStatus, message: kind, nextStep: "nothing", retryable };
}

/** Parts of a reinstall's duration after which the old disk is taken away and the new one attached. */
const DETACHED_AT = 0.3;
const ATTACHED_AT = 0.7;
const VM = { ACTIVE: "active", SHUTOFF: "stopped", ERROR: "error" } as const;
const STATUS = { active: "ACTIVE", stopped: "SHUTOFF", error: "ERROR" } as const;
const TASKS = {
  reinstall: "rebuilding",
  "soft stop": "powering-off",
  "hard stop": "powering-off",
  start: "powering-on",
} as const;

/**
 * A cloud that keeps a ledger of what it really did. `test/contract/cloud` runs the same cases on it and on the real
 * port with the simulator. What it leaves out, because no step asks for it or can tell the difference:
 *
 * - one way to show a reinstall (`REBUILD`); of the others the worker sees only that the server is not idle. The
 *   simulator's `plain` view, where a missing disk is all that shows, is not among its servers
 * - a running server that is reinstalled is stopped at once, not after a while
 * - reads are not signed, keys are not locked after bad signatures: what the adapter makes of both is its own business
 * - job statuses before `RUNNING`, sub-jobs, the end of a job's retention, names, images, frozen servers.
 *   Volume types it tells, which the simulator does not: they are not documented for this call
 * - outsiders act at once, and only on servers on which nothing runs
 */
export class MemoryCloud {
  readonly ledger: Execution[] = [];
  readonly #options: CloudOptions;
  readonly #servers: Map<ServerId, Server>;
  /** When each disk that exists was created, epoch ms. */
  readonly #disks = new Map<DiskId, number>();
  readonly #beganMs: number;
  readonly #powerJobs = new Map<JobId, PowerJob>();
  #serial = 0;

  get signatureWindowMs(): number {
    return this.#options.signatureWindowMs;
  }

  constructor(options: CloudOptions) {
    this.#options = options;
    const bornMs = options.time.nowMs - (options.agedMs ?? 0);
    this.#beganMs = wholeSeconds(bornMs);
    this.#servers = new Map(
      options.plans.map(({ status, mark = null, ...plan }) => {
        const fresh = { diskChanges: 0, exists: true, locked: false, offBy: null };
        const running = new Set<Operation>();
        const disk = this.#newDisk();
        this.#disks.set(disk, bornMs);
        return [plan.id, { ...plan, ...fresh, mark, vm: VM[status], disk, running }];
      }),
    );
  }

  /** A person sets or removes the server's tag. */
  setMark(id: ServerId, mark: "never" | "allowed" | null): void {
    this.#known(id).mark = mark;
  }

  /** From now on another command answers for its being off. */
  answersFor(id: ServerId, by: string): void {
    const server = this.#known(id);
    if (server.offBy !== null) server.offBy = by;
  }

  server(id: ServerId): Readonly<Server> {
    return this.#known(id);
  }

  look(id: ServerId): Look {
    const server = this.#existing(id);
    return server === undefined
      ? { kind: "absent", refusal: refusal("not-found") }
      : { kind: "seen", server: this.#view(server) };
  }

  /** One page, from 1, of the servers that exist. */
  list({ page, limit }: { readonly page: number; readonly limit: number }): ListLook {
    const all = [...this.#servers.values()].filter(({ exists }) => exists);
    const shown = all.slice((page - 1) * limit, page * limit);
    const servers = new Map(
      shown.map((server) => {
        const { status, taskState, systemDiskId } = this.#view(server);
        return [server.id, { status, taskState, systemDiskId }];
      }),
    );
    return { kind: "seen", servers, listed: shown.length, total: all.length };
  }

  /** Ages are shown to the millisecond, and none lies in the future. */
  disk(id: DiskId): DiskLook {
    const createdMs = this.#disks.get(id);
    if (createdMs === undefined) return { kind: "absent" };
    const holder = [...this.#servers.values()].find(
      (server) => server.exists && this.#attached(server, shownOn(server)) === id,
    );
    return {
      kind: "seen",
      createdAtMs: Math.floor(createdMs),
      inFuture: false,
      status: holder === undefined ? "available" : "in-use",
      attachedTo: holder === undefined ? [] : [holder.id],
      cloudTimeMs: wholeSeconds(this.#options.time.nowMs),
    };
  }

  #view(server: Server): ServerView {
    const shown = shownOn(server);
    return {
      status: shown?.what === "reinstall" ? "REBUILD" : STATUS[server.vm],
      taskState: shown === undefined ? null : TASKS[shown.what],
      vmState: server.vm,
      systemDiskId: this.#attached(server, shown),
      volumeType: this.#options.volumeType,
      locked: server.locked,
      frozen: false,
      name: null,
      imageId: null,
      osType: null,
      faultMessage: shown === undefined && server.vm === "error" ? "the reinstall failed" : null,
      mark: server.mark,
      unreadMark: null,
      address: server.address ?? null,
      createdAtMs: this.#beganMs,
      cloudTimeMs: wholeSeconds(this.#options.time.nowMs),
    };
  }

  job(id: ServerId, jobId: JobId): JobLook {
    const power = this.#powerJobs.get(jobId);
    if (power !== undefined) return this.#powerJob(id, power);
    const run = this.ledger.find((one) => one.jobId === jobId);
    const now = this.#options.time.nowMs;
    if (run === undefined) return { kind: "missing", cloudCode: "Common.0011" };
    const { course, startMs, endMs, outcome } = run;
    const ageMs = now - startMs;
    const vanished = course.vanishesAfterMs !== null && ageMs >= course.vanishesAfterMs;
    if (ageMs < course.visibleAfterMs || vanished) {
      return { kind: "missing", cloudCode: "Common.0011" };
    }
    if (course.foreign) return { kind: "foreign", serverId: `not-${id}`, by: "job" };
    if (run.serverId !== id) return { kind: "foreign", serverId: run.serverId, by: "job" };
    if (ageMs < (course.oursAfterMs ?? 0)) {
      return { kind: "foreign", serverId: `temporary-of-${id}`, by: "sub-jobs" };
    }
    if (outcome === "failed") {
      return { kind: "failed", cloudCode: "Ecs.0202", message: "the reinstall failed" };
    }
    const saidMs = endMs === null || course.end !== "success" ? null : endMs - course.earlyMs;
    if (outcome === "succeeded" || (saidMs !== null && now >= saidMs)) {
      return { kind: "succeeded", endedAtMs: saidMs === null ? null : Math.floor(saidMs) };
    }
    return { kind: "running", jobStatus: "RUNNING", subJobs: null };
  }

  stop(id: ServerId, type: "SOFT" | "HARD", by: string | null = null): StopOutcome {
    const server = this.#existing(id);
    if (server === undefined) return no("not-found");
    if (server.locked) return no("server-locked");
    const soft = [...server.running].find(({ what }) => what === "soft stop");
    const overtakes = type === "HARD" && soft !== undefined;
    if (server.running.size > 0 && !overtakes) return no("server-busy");
    if (server.vm !== "active") return no("wrong-state");
    if (overtakes) {
      server.running.delete(soft);
      for (const job of this.#powerJobs.values()) job.overtaken ||= job.operation === soft;
    }
    const durationMs = this.#options.stopMs();
    const what = type === "SOFT" ? "soft stop" : "hard stop";
    const hangs = type === "SOFT" && !server.softStopWorks;
    return this.#turn(server, { what, durationMs, hangs }, () => {
      server.vm = "stopped";
      server.offBy = by;
      if (by !== null) this.#options.onStopped?.(id, by);
    });
  }

  start(id: ServerId): StartOutcome {
    const server = this.#existing(id);
    if (server === undefined) return no("not-found");
    if (server.locked) return no("server-locked");
    if (server.running.size > 0) return no("server-busy");
    if (server.vm !== "stopped") return no("wrong-state");
    const { startEnds = "running" } = server;
    const durationMs = this.#options.startMs();
    return this.#turn(server, { what: "start", durationMs, hangs: false }, () => {
      if (startEnds === "running") {
        server.vm = "active";
        this.#options.onStarted?.(id);
      }
      if (startEnds === "error") server.vm = "error";
    });
  }

  /** Whether it was ever stopped or started through the API, and whether it is on now. */
  power(id: ServerId): PowerLedger {
    const jobs = [...this.#powerJobs.values()].filter(({ serverId }) => serverId === id);
    const starts = jobs.filter(({ operation }) => operation.what === "start").length;
    return { stops: jobs.length - starts, starts, isOn: this.#known(id).vm === "active" };
  }

  /** Begins to stop or start a server. */
  #turn(
    server: Server,
    { what, durationMs, hangs }: Pick<Operation, "what"> & { durationMs: number; hangs: boolean },
    end: () => void,
  ): StopOutcome {
    const { time, onTrace } = this.#options;
    const operation: Operation = {
      what,
      startMs: time.nowMs,
      durationMs: hangs ? null : durationMs,
      detached: false,
      newDisk: null,
    };
    server.running.add(operation);
    time.after(durationMs, () => {
      if (!hangs && server.running.delete(operation)) end();
    });
    const jobId = `${what === "start" ? "start" : "stop"}-${(this.#serial += 1)}` as JobId;
    this.#powerJobs.set(jobId, { serverId: server.id, operation, overtaken: false });
    onTrace?.(`cloud    begins a ${what} of ${server.id} as ${jobId}`);
    return { kind: "accepted", jobId };
  }

  /** A reinstall request arrives, now, whenever it was sent. */
  arrive(request: {
    readonly commandId: string | null;
    readonly serverId: ServerId;
    readonly signedAtMs: number;
    readonly mode: boolean;
  }): Submission {
    const { time, signatureWindowMs, lax } = this.#options;
    if (Math.abs(time.nowMs - request.signedAtMs) > signatureWindowMs) {
      this.#options.onTrace?.(`cloud    refuses ${request.commandId}: signature too old`);
      return later("authentication", "cloud-unavailable");
    }
    const server = this.#existing(request.serverId);
    if (server === undefined) return { kind: "refused", refusal: refusal("not-found") };
    if (server.locked) return { kind: "refused", refusal: refusal("server-locked") };
    const objection = lax ? null : objectionTo(server, request.mode);
    if (objection !== null) {
      this.#options.onTrace?.(`cloud    refuses ${request.commandId}: ${objection}`);
      return objection === "no-system-disk"
        ? { kind: "refused", refusal: refusal(objection) }
        : later(objection, "server-unstable");
    }
    return { kind: "accepted", jobId: this.#execute(server, request) };
  }

  /** Somebody else acts on the server, as far as the cloud lets them. */
  outsider(id: ServerId, act: "start" | "stop" | "reinstall" | "delete" | "lock" | "unlock"): void {
    const server = this.#known(id);
    if (server.running.size > 0 || !server.exists) return;
    this.#options.onTrace?.(`outsider ${act} ${id}`);
    switch (act) {
      case "start":
        server.vm = "active";
        return;
      case "stop":
        if (server.vm === "active") server.offBy = null;
        server.vm = "stopped";
        return;
      case "lock":
      case "unlock":
        server.locked = act === "lock";
        return;
      case "delete":
        server.exists = false;
        return;
      case "reinstall":
        this.#replaceDisk(server, this.#newDisk());
        server.vm = "stopped";
        server.offBy = null;
        return;
    }
  }

  /** Our executions that have not ended on this server. */
  running(id: ServerId): Execution[] {
    return this.ledger.filter((one) => one.serverId === id && one.outcome === "running");
  }

  #execute(
    server: Server,
    request: { commandId: string | null; serverId: ServerId; signedAtMs: number },
  ): JobId {
    const { time, courseOf, keepsDisk, onExecuted, onTrace } = this.#options;
    const overlapping = this.running(server.id);
    const course = courseOf();
    const startMs = time.nowMs;
    const jobId = `job-${(this.#serial += 1)}` as JobId;
    const execution: Execution = {
      commandId: request.commandId,
      serverId: server.id,
      jobId,
      signedAtMs: request.signedAtMs,
      startMs,
      endMs: course.durationMs === null ? null : startMs + course.durationMs,
      outcome: "running",
      course,
    };
    this.ledger.push(execution);
    onTrace?.(`cloud    EXECUTES ${request.commandId} as ${jobId} (${course.end})`);
    const { durationMs } = course;
    const newDisk = (keepsDisk ? server.disk : null) ?? this.#newDisk();
    const what = "reinstall";
    const operation: Operation = { what, startMs, durationMs, detached: false, newDisk };
    server.running.add(operation);
    server.offBy = null;
    if (server.view === "shown" && server.vm === "active") server.vm = "stopped";
    if (durationMs !== null) {
      time.after(durationMs * DETACHED_AT, () => {
        operation.detached = true;
        if (newDisk !== server.disk) this.#disks.set(newDisk, time.nowMs);
      });
      time.after(durationMs, () => this.#end(server, execution, operation));
    }
    onExecuted(execution, overlapping);
    return jobId;
  }

  #end(server: Server, execution: Execution, operation: Operation): void {
    const { end } = execution.course;
    execution.outcome = end === "success" ? "succeeded" : "failed";
    this.#options.onTrace?.(`cloud    ends ${execution.jobId}: ${end}`);
    server.running.delete(operation);
    const disks = [server.disk, operation.newDisk];
    this.#leave(server, end, operation);
    // The cloud deletes what it does not leave attached.
    for (const disk of disks) if (disk !== null && disk !== server.disk) this.#disks.delete(disk);
  }

  #leave(server: Server, end: Course["end"], operation: Operation): void {
    switch (end) {
      case "success":
        this.#attach(server, operation.newDisk);
        server.vm = VM[server.endsAs];
        return;
      case "fail-error":
        server.vm = "error";
        return;
      case "fail-old-disk":
        server.vm = "stopped";
        return;
      case "fail-no-disk":
        server.vm = "stopped";
        server.disk = null;
        return;
    }
  }

  /** At once, by somebody else. */
  #replaceDisk(server: Server, disk: DiskId): void {
    if (server.disk !== null) this.#disks.delete(server.disk);
    this.#disks.set(disk, this.#options.time.nowMs);
    this.#attach(server, disk);
  }

  #attach(server: Server, disk: DiskId | null): void {
    if (disk !== server.disk) server.diskChanges += 1;
    server.disk = disk;
  }

  /** What a look finds attached while that is shown to run. */
  #attached(server: Server, shown: Operation | undefined): DiskId | null {
    if (shown?.detached !== true || shown.durationMs === null) return server.disk;
    const attachedAtMs = shown.startMs + shown.durationMs * ATTACHED_AT;
    return this.#options.time.nowMs < attachedAtMs ? null : shown.newDisk;
  }

  #powerJob(id: ServerId, { serverId, operation, overtaken }: PowerJob): JobLook {
    if (serverId !== id) return { kind: "foreign", serverId, by: "job" };
    if (overtaken) return { kind: "failed", cloudCode: "Ecs.0100", message: "overtaken" };
    const { running, startEnds } = this.#known(serverId);
    if (running.has(operation)) return { kind: "running", jobStatus: "RUNNING", subJobs: null };
    if (operation.what === "start" && (startEnds === "job-fails" || startEnds === "error")) {
      return { kind: "failed", cloudCode: "Ecs.0226", message: "the start failed" };
    }
    const endMs = operation.startMs + (operation.durationMs ?? 0);
    return { kind: "succeeded", endedAtMs: Math.floor(endMs) };
  }

  #newDisk(): DiskId {
    return `disk-${(this.#serial += 1)}` as DiskId;
  }

  #known(id: ServerId): Server {
    const server = this.#servers.get(id);
    if (server === undefined) throw new Error(`no server ${id} in this scenario`);
    return server;
  }

  #existing(id: ServerId): Server | undefined {
    const server = this.#servers.get(id);
    return server?.exists === true ? server : undefined;
  }
}

/** The operation that the server shows: the one that began last, of those that show. */
function shownOn({ running, view }: Server): Operation | undefined {
  return [...running].findLast(({ what }) => what !== "reinstall" || view === "shown");
}

/** Preconditions of a reinstall, in the order in which they are checked (ECS API notes §1.6). A lax cloud has none of them. */
function objectionTo(
  { running, vm, disk }: Server,
  mode: boolean,
): "server-busy" | "wrong-state" | "no-system-disk" | null {
  if (running.size > 0) return "server-busy";
  // In ERROR only after a failed reinstall, and no other server here is.
  if (vm === "active" && !mode) return "wrong-state";
  return disk === null ? "no-system-disk" : null;
}

/** As the code for "busy" asks (ECS API notes §5.2). */
const BUSY_MS = 60_000;

function no(kind: keyof typeof REFUSALS) {
  const retryAfterMs = kind === "server-busy" ? BUSY_MS : null;
  return { kind: "refused", refusal: refusal(kind), retryAfterMs } as const;
}

function later(
  kind: keyof typeof REFUSALS,
  waitsFor: "server-unstable" | "cloud-unavailable",
): Submission {
  const retryAfterMs = kind === "server-busy" ? BUSY_MS : null;
  return { kind: "later", waitsFor, refusal: refusal(kind), retryAfterMs };
}

/** As a `Date` header and an `X-Sdk-Date` tell the time. */
export function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
