import type { DiskId, JobId, ServerId } from "../../../src/contract/ids.ts";
import type { JobLook, Look, Refusal, StopOutcome, Submission } from "../../../src/steps/ports.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** How a reinstall that the cloud takes will go. */
export interface Course {
  readonly durationMs: number | null;
  readonly end: "success" | "fail-error" | "fail-old-disk" | "fail-no-disk";
  /** The job says SUCCESS this long before the server is ready. */
  readonly earlyMs: number;
  /** The job is not known before, and not after. */
  readonly visibleAfterMs: number;
  readonly vanishesAfterMs: number | null;
  /** The job names another server. */
  readonly foreign: boolean;
}

export interface ServerPlan {
  readonly id: ServerId;
  readonly status: "ACTIVE" | "SHUTOFF" | "ERROR";
  /** `hidden`: nothing shows that a reinstall runs. */
  readonly view: "shown" | "hidden";
  readonly softStopWorks: boolean;
}

interface Server extends Omit<ServerPlan, "status"> {
  status: string;
  disk: DiskId | null;
  diskChanges: number;
  exists: boolean;
  locked: boolean;
  /** What runs on it now. */
  doing: {
    readonly what: "reinstall" | "stop";
    readonly startMs: number;
    diskShown: boolean;
  } | null;
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
  /** A reinstall keeps the disk's id: our evidence is wrong here. */
  readonly keepsDisk: boolean;
  readonly volumeType: string | null;
  readonly plans: readonly ServerPlan[];
  readonly courseOf: () => Course;
  readonly stopMs: () => number;
  readonly onExecuted: (execution: Execution, overlapping: readonly Execution[]) => void;
  readonly onTrace?: (text: string) => void;
}

const REFUSAL: Refusal = {
  class: "conflict",
  cloudCode: "Ecs.0000",
  httpStatus: 400,
  message: "said no",
  nextStep: "nothing",
  retryable: true,
};

export function refusal(kind: string, retryable = false): Refusal {
  return { ...REFUSAL, class: kind, message: kind, retryable };
}

/** A cloud that keeps a ledger of what it really did. */
export class MemoryCloud {
  readonly ledger: Execution[] = [];
  readonly #options: CloudOptions;
  readonly #servers: Map<ServerId, Server>;
  #serial = 0;

  constructor(options: CloudOptions) {
    this.#options = options;
    this.#servers = new Map(
      options.plans.map((plan) => {
        const disk = this.#newDisk();
        const fresh = { disk, diskChanges: 0, exists: true, locked: false, doing: null };
        return [plan.id, { ...plan, ...fresh }];
      }),
    );
  }

  server(id: ServerId): Readonly<Server> {
    const server = this.#servers.get(id);
    if (server === undefined) throw new Error(`no server ${id} in this scenario`);
    return server;
  }

  look(id: ServerId): Look {
    const server = this.server(id);
    if (!server.exists) return { kind: "absent", refusal: refusal("not-found") };
    const shown =
      server.doing !== null && (server.view === "shown" || server.doing.what === "stop");
    const task = server.doing?.what === "stop" ? "powering-off" : "rebuilding";
    return {
      kind: "seen",
      server: {
        status: server.status,
        taskState: shown ? task : null,
        vmState: "stopped",
        systemDiskId:
          shown && server.doing !== null && !server.doing.diskShown ? null : server.disk,
        volumeType: this.#options.volumeType,
        locked: server.locked,
        frozen: false,
        name: null,
        imageId: null,
        faultMessage: null,
        cloudTimeMs: this.#options.time.nowMs,
      },
    };
  }

  job(id: ServerId, jobId: JobId): JobLook {
    const run = this.ledger.find((one) => one.jobId === jobId);
    const now = this.#options.time.nowMs;
    if (run === undefined) return { kind: "missing", cloudCode: "Common.0011" };
    const { course, startMs, endMs, outcome } = run;
    const ageMs = now - startMs;
    const vanished = course.vanishesAfterMs !== null && ageMs >= course.vanishesAfterMs;
    if (ageMs < course.visibleAfterMs || vanished) {
      return { kind: "missing", cloudCode: "Common.0011" };
    }
    if (course.foreign) return { kind: "foreign", serverId: `not-${id}` };
    if (outcome === "failed") {
      return { kind: "failed", cloudCode: "Ecs.0314", message: "the reinstall failed" };
    }
    const said = endMs !== null && course.end === "success" && now >= endMs - course.earlyMs;
    if (outcome === "succeeded" || said) return { kind: "succeeded", endedAtMs: endMs };
    return { kind: "running", jobStatus: "RUNNING", subJobs: null };
  }

  stop(id: ServerId, type: "SOFT" | "HARD"): StopOutcome {
    const server = this.#mutable(id);
    if (!server.exists) return { kind: "refused", refusal: refusal("not-found") };
    if (server.doing !== null) return { kind: "refused", refusal: refusal("server-busy", true) };
    if (server.status !== "ACTIVE") return { kind: "accepted", jobId: null };
    const doing = { what: "stop" as const, startMs: this.#options.time.nowMs, diskShown: true };
    server.doing = doing;
    this.#options.time.after(this.#options.stopMs(), () => {
      if (server.doing !== doing) return;
      server.doing = null;
      if (type === "HARD" || server.softStopWorks) server.status = "SHUTOFF";
    });
    return { kind: "accepted", jobId: `stop-${(this.#serial += 1)}` as JobId };
  }

  /** A reinstall request arrives, now, whenever it was sent. */
  arrive(request: {
    readonly commandId: string | null;
    readonly serverId: ServerId;
    readonly signedAtMs: number;
    readonly mode: boolean;
  }): Submission {
    const { time, signatureWindowMs, lax } = this.#options;
    const server = this.#mutable(request.serverId);
    const no = (kind: string, waitsFor: "server-unstable" | "cloud-unavailable") =>
      ({ kind: "later", waitsFor, refusal: refusal(kind, true), retryAfterMs: null }) as const;
    if (Math.abs(time.nowMs - request.signedAtMs) > signatureWindowMs) {
      this.#options.onTrace?.(`cloud    refuses ${request.commandId}: signature too old`);
      return no("signature", "cloud-unavailable");
    }
    if (!server.exists) return { kind: "refused", refusal: refusal("not-found") };
    if (server.locked) return { kind: "refused", refusal: refusal("server-locked") };
    const ready = ["SHUTOFF", "ERROR"].includes(server.status) || request.mode;
    if (!lax && (server.doing !== null || !ready)) {
      this.#options.onTrace?.(`cloud    refuses ${request.commandId}: busy or wrong state`);
      return no("server-busy", "server-unstable");
    }
    return { kind: "accepted", jobId: this.#execute(server, request) };
  }

  /** Somebody else acts on the server, as far as the cloud lets them. */
  outsider(id: ServerId, act: "start" | "stop" | "reinstall" | "delete" | "lock" | "unlock"): void {
    const server = this.#mutable(id);
    if (server.doing !== null || !server.exists) return;
    this.#options.onTrace?.(`outsider ${act} ${id}`);
    switch (act) {
      case "start":
        server.status = "ACTIVE";
        return;
      case "stop":
        server.status = "SHUTOFF";
        return;
      case "lock":
      case "unlock":
        server.locked = act === "lock";
        return;
      case "delete":
        server.exists = false;
        return;
      case "reinstall":
        this.#changeDisk(server);
        server.status = "SHUTOFF";
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
    const { time, courseOf, onExecuted, onTrace } = this.#options;
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
    const doing: NonNullable<Server["doing"]> = { what: "reinstall", startMs, diskShown: true };
    server.doing = doing;
    if (server.view === "shown") server.status = "REBUILD";
    else if (server.status === "ACTIVE") server.status = "SHUTOFF";
    if (course.durationMs !== null) {
      time.after(course.durationMs * 0.3, () => (doing.diskShown = false));
      time.after(course.durationMs, () => this.#end(server, execution, doing));
    }
    onExecuted(execution, overlapping);
    return jobId;
  }

  #end(server: Server, execution: Execution, doing: Server["doing"]): void {
    const { end } = execution.course;
    execution.outcome = end === "success" ? "succeeded" : "failed";
    this.#options.onTrace?.(`cloud    ends ${execution.jobId}: ${end}`);
    if (server.doing === doing) server.doing = null;
    switch (end) {
      case "success":
        if (!this.#options.keepsDisk) this.#changeDisk(server);
        server.status = "ACTIVE";
        return;
      case "fail-error":
        server.status = "ERROR";
        return;
      case "fail-old-disk":
        server.status = "SHUTOFF";
        return;
      case "fail-no-disk":
        server.status = "SHUTOFF";
        server.disk = null;
        return;
    }
  }

  #changeDisk(server: Server): void {
    server.disk = this.#newDisk();
    server.diskChanges += 1;
  }

  #newDisk(): DiskId {
    return `disk-${(this.#serial += 1)}` as DiskId;
  }

  #mutable(id: ServerId): Server {
    const server = this.#servers.get(id);
    if (server === undefined) throw new Error(`no server ${id} in this scenario`);
    return server;
  }
}
