import { createJobRecord, declareSuccess, type JobRecord, type JobSpec } from "./job-record.ts";
import { createLedger } from "./ledger.ts";
import type { Settings } from "./options.ts";
import type { Schedule } from "./schedule.ts";
import { createServerRecord, type ServerRecord, type ServerSpec } from "./server-record.ts";

/** An image as the image service knows it. */
export interface ImageRecord {
  readonly id: string;
  readonly name: string;
  readonly status: "active" | "queued" | "saving" | "deleted" | "killed";
  readonly osType: "Linux" | "Windows";
  /** `"true"`: password and key injection through cloud-init is not supported (ECS API reference notes §3.6). */
  readonly supportFcInject: "true" | "false" | null;
}

export type CloudState = ReturnType<typeof createCloudState>;

/** Everything that the simulated cloud knows. Callers bring it up to date with `schedule.catchUp()` before they look. */
export function createCloudState(settings: Settings, schedule: Schedule) {
  const servers = new Map<string, ServerRecord>();
  const jobs = new Map<string, JobRecord>();
  const images = new Map<string, ImageRecord>();
  const ledger = createLedger();
  let skewMs = settings.clockSkewMs;

  function addServer(spec: ServerSpec): ServerRecord {
    const server = createServerRecord(spec, settings, schedule.nowMs());
    if (servers.has(server.id)) throw new RangeError(`server ${server.id} exists already`);
    servers.set(server.id, server);
    if (!images.has(server.imageId)) putImage({ id: server.imageId, osType: server.osType });
    return server;
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
    ledger,
    addServer,
    putImage,
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
      for (const store of [servers, jobs, images]) store.clear();
      ledger.clear();
      skewMs = settings.clockSkewMs;
    },
  };
}
