import { createJobRecord, declareSuccess, type JobRecord, type JobSpec } from "./job-record.ts";
import { createLedger } from "./ledger.ts";
import type { Settings } from "../options.ts";
import type { Schedule } from "./schedule.ts";
import {
  createServerRecord,
  type ServerRecord,
  type ServerSpec,
  systemDiskId,
} from "./server-record.ts";

/** An image as the image service knows it. */
export interface ImageRecord {
  readonly id: string;
  readonly name: string;
  readonly status: "active" | "queued" | "saving" | "deleted" | "killed";
  readonly osType: "Linux" | "Windows";
  /** `"true"`: password and key injection through cloud-init is not supported (ECS API reference notes §3.6). */
  readonly supportFcInject: "true" | "false" | null;
}

/** A disk as the disk service knows it, attached or not. */
export interface DiskRecord {
  readonly id: string;
  readonly projectId: string;
  readonly isSystem: boolean;
  readonly createdMs: number;
}

export type CloudState = ReturnType<typeof createCloudState>;

/** Everything that the simulated cloud knows. Callers bring it up to date with `schedule.catchUp()` before they look. */
export function createCloudState(settings: Settings, schedule: Schedule) {
  const servers = new Map<string, ServerRecord>();
  const jobs = new Map<string, JobRecord>();
  const images = new Map<string, ImageRecord>();
  const disks = new Map<string, DiskRecord>();
  const ledger = createLedger();
  let skewMs = settings.clockSkewMs;

  function addServer(spec: ServerSpec): ServerRecord {
    const server = createServerRecord(spec, settings, schedule.nowMs() + skewMs);
    if (servers.has(server.id)) throw new RangeError(`server ${server.id} exists already`);
    servers.set(server.id, server);
    if (!images.has(server.imageId)) putImage({ id: server.imageId, osType: server.osType });
    for (const { id } of server.volumes) putDisk(server, id, server.createdMs);
    const disk = systemDiskId(server);
    if (disk !== null && spec.systemDiskCreatedAtMs !== undefined) {
      putDisk(server, disk, spec.systemDiskCreatedAtMs);
    }
    return server;
  }

  /** A disk of that server's project comes to be, or gets another age. */
  function putDisk(server: ServerRecord, id: string, createdMs: number): void {
    const isSystem = server.volumes.every((one) => one.id !== id || one.bootIndex === "0");
    disks.set(id, { id, projectId: server.projectId, isSystem, createdMs });
  }

  function putImage(image: Partial<ImageRecord> & Pick<ImageRecord, "id">): ImageRecord {
    const base = images.get(image.id) ?? {
      name: `image-${image.id.slice(0, 8)}`,
      status: "active",
      osType: "Linux",
      supportFcInject: null,
    };
    const whole: ImageRecord = { ...base, ...image };
    images.set(whole.id, whole);
    return whole;
  }

  function openJob(spec: JobSpec): JobRecord {
    const job = createJobRecord(spec, schedule.nowMs());
    jobs.set(job.id, job);
    return job;
  }

  /** Finished jobs are deleted after a while (ECS API reference notes §2.5). */
  function forgetLater(job: JobRecord): void {
    schedule.at(schedule.nowMs() + settings.jobRetentionMs, () => {
      jobs.delete(job.id);
    });
  }

  function succeedEarly(job: JobRecord): void {
    if (declareSuccess(job, schedule.nowMs())) forgetLater(job);
  }

  return {
    settings,
    schedule,
    servers,
    jobs,
    images,
    disks,
    ledger,
    addServer,
    putImage,
    putDisk,
    openJob,
    forgetLater,
    succeedEarly,

    /** The time that the cloud believes in: `Date` headers, time stamps, signature ages. */
    cloudNowMs(): number {
      return schedule.nowMs() + skewMs;
    },
    setSkewMs(ms: number): void {
      skewMs = ms;
    },

    /** The server of that project, unless it does not exist or belongs to another. */
    findServer(projectId: string, serverId: string): ServerRecord | undefined {
      const server = servers.get(serverId);
      return server?.projectId === projectId ? server : undefined;
    },

    clear(): void {
      schedule.clear();
      for (const store of [servers, jobs, images, disks]) store.clear();
      ledger.clear();
      skewMs = settings.clockSkewMs;
    },
  };
}
