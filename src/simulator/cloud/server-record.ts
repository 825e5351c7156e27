import { randomUUID } from "node:crypto";
import { z } from "zod";
import { type Behaviour, behaviourFields, behaviourSchema, type Settings } from "../options.ts";

const TAG = /^[^=,]{1,36}(=[^,]{0,43})?$/;
const TAG_RULE =
  "must be key or key=value: a key of 1-36 characters, a value of up to 43, no comma";

/** What may be changed later from outside, besides the actions of `outside-actions.ts`. */
export const serverPatchSchema = z
  .strictObject({
    name: z.string(),
    locked: z.boolean(),
    frozen: z.boolean(),
    keyName: z.string().nullable(),
    imageId: z.string(),
    /** Added to the metadata that the simulator makes itself. */
    metadata: z.record(z.string(), z.string()),
    /** All its tags, `key=value` or `key`, as the server object lists them (ECS API reference notes §12). */
    tags: z.array(z.string().regex(TAG, TAG_RULE)),
    /** Its own address in its network. */
    address: z.union([z.ipv4(), z.ipv6()]),
    /** An address by which it is reached from outside; null: none. */
    floatingAddress: z.ipv4().nullable(),
    /** When the system disk that it has now was created, epoch ms; default: with the server. */
    systemDiskCreatedAtMs: z.number().int(),
    ...behaviourFields,
  })
  .partial();
export type ServerPatch = z.infer<typeof serverPatchSchema>;

/** What `addServer` takes; every field has a default. */
export const serverSpecSchema = z.strictObject({
  ...serverPatchSchema.shape,
  id: z.uuid().optional(),
  /** Default: the simulator's first project. */
  projectId: z.string().optional(),
  state: z.enum(["ACTIVE", "SHUTOFF", "ERROR"]).default("ACTIVE"),
  osType: z.enum(["Linux", "Windows"]).default("Linux"),
  userId: z.string().default("11112222333344445555666677778888"),
  flavorId: z.string().default("s3.large.2"),
  /** Its last reinstall failed, which allows the next one in state `ERROR` too. */
  reinstallFailed: z.boolean().default(false),
  /** null: a server without a system disk; absent: a generated one. */
  systemDiskId: z.string().nullable().optional(),
  dataDisks: z.number().int().min(0).max(20).default(0),
  /** Epoch ms; default: now. */
  createdAtMs: z.number().int().optional(),
});
export type ServerSpec = z.input<typeof serverSpecSchema>;

type BehaviourChanges = { readonly [K in keyof Behaviour]?: Behaviour[K] | undefined };

export interface Volume {
  readonly id: string;
  /** `"0"` is the system disk (ECS API reference notes §3.2). */
  readonly bootIndex: string;
  readonly device: string;
}

/** A server as the cloud keeps it. Only the runs and the outside actions change it. */
export interface ServerRecord {
  readonly id: string;
  readonly projectId: string;
  readonly userId: string;
  readonly flavorId: string;
  readonly osType: "Linux" | "Windows";
  readonly createdMs: number;
  name: string;
  imageId: string;
  keyName: string | null;
  vmState: "active" | "stopped" | "error";
  taskState: string | null;
  /** Shown instead of the status that vm and task state add up to. */
  statusShown: string | null;
  locked: boolean;
  frozen: boolean;
  everFrozen: boolean;
  reinstallFailed: boolean;
  metadata: Readonly<Record<string, string>>;
  tags: readonly string[];
  address: string;
  floatingAddress: string | null;
  volumes: readonly Volume[];
  fault: { readonly code: number; readonly message: string; readonly createdMs: number } | null;
  updatedMs: number;
  launchedMs: number;
  behaviour: Behaviour;
  /** When its last reinstall ended; null: never reinstalled. */
  reinstalledMs: number | null;
  /** Job ids of what runs on it right now. */
  readonly running: Set<string>;
  /** Ends a soft stop that would never end, so that a hard one can follow. */
  giveUpSoftStop: (() => void) | null;
  readonly actionLog: {
    readonly action: string;
    readonly requestId: string;
    readonly atMs: number;
  }[];
}

export function createServerRecord(
  input: ServerSpec,
  settings: Settings,
  nowMs: number,
): ServerRecord {
  const spec = serverSpecSchema.parse(input);
  const id = spec.id ?? randomUUID();
  const behaviour = behaviourOf(spec, settings);
  const systemDisk = spec.systemDiskId === undefined ? randomUUID() : spec.systemDiskId;
  return {
    id,
    projectId: spec.projectId ?? settings.projects[0]?.id ?? "",
    userId: spec.userId,
    flavorId: spec.flavorId,
    osType: spec.osType,
    createdMs: spec.createdAtMs ?? nowMs,
    name: spec.name ?? `ecs-${id.slice(0, 4)}`,
    imageId: spec.imageId ?? randomUUID(),
    keyName: spec.keyName ?? null,
    vmState: VM_STATES[spec.state],
    taskState: null,
    statusShown: null,
    locked: spec.locked ?? false,
    frozen: spec.frozen ?? false,
    everFrozen: spec.frozen ?? false,
    reinstallFailed: spec.reinstallFailed,
    metadata: spec.metadata ?? {},
    tags: spec.tags ?? [],
    address: spec.address ?? addressFrom(id, behaviour.answers === null ? 10 : 127),
    floatingAddress: spec.floatingAddress ?? null,
    volumes: [
      ...(systemDisk === null ? [] : [systemVolume(systemDisk)]),
      ...Array.from({ length: spec.dataDisks }, (_, i) => dataVolume(i)),
    ],
    fault:
      spec.state === "ERROR" ? { code: 500, message: "Simulated error", createdMs: nowMs } : null,
    updatedMs: nowMs,
    launchedMs: nowMs,
    behaviour,
    reinstalledMs: null,
    running: new Set(),
    giveUpSoftStop: null,
    actionLog: [],
  };
}

export function systemDiskId(server: ServerRecord): string | null {
  return server.volumes.find((volume) => volume.bootIndex === "0")?.id ?? null;
}

/** Whether it runs, whatever is being done to it. */
export function isOn(server: ServerRecord): boolean {
  return server.vmState === "active";
}

/** Attaches a system disk in place of the present one; null leaves the server without. */
export function replaceSystemDisk(server: ServerRecord, diskId: string | null): void {
  const data = server.volumes.filter((volume) => volume.bootIndex !== "0");
  server.volumes = diskId === null ? data : [systemVolume(diskId), ...data];
}

const behaviourChangesSchema = behaviourSchema.partial();

/** `base` with what `changes` says instead. */
export function behaviourOf(changes: BehaviourChanges, base: Behaviour): Behaviour {
  const own = behaviourChangesSchema.parse(changes);
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { ...behaviourSchema.parse(base), ...Object.fromEntries(given) };
}

/** What it is reached by, its own address first. */
export function addressesOf(server: ServerRecord) {
  const { address, floatingAddress } = server;
  const version = address.includes(":") ? "6" : "4";
  return [
    { addr: address, version, type: "fixed" },
    ...(floatingAddress === null
      ? []
      : [{ addr: floatingAddress, version: "4", type: "floating" }]),
  ];
}

/** Somewhere in a network of 2^24 addresses, the same for the same id. Linux has all of 127.0.0.0/8 as its own. */
function addressFrom(id: string, network: 10 | 127): string {
  const bytes = [0, 2, 4].map((at) => Number.parseInt(id.slice(at, at + 2), 16));
  return `${network}.${bytes.join(".")}`;
}

const VM_STATES = { ACTIVE: "active", SHUTOFF: "stopped", ERROR: "error" } as const;

function systemVolume(id: string): Volume {
  return { id, bootIndex: "0", device: "/dev/vda" };
}

function dataVolume(index: number): Volume {
  return {
    id: randomUUID(),
    bootIndex: "-1",
    device: `/dev/vd${String.fromCharCode("b".charCodeAt(0) + index)}`,
  };
}
