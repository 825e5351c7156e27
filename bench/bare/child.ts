/** What a bare program is given, as JSON in `BENCH_CHILD`. */
export interface ChildOrder {
  readonly amqpUrl: string;
  readonly redisUrl: string;
  /** Answers every POST with a job and every GET with a server or a job. */
  readonly cloudUrl: string;
  /** Means of one command; they may have fractions. */
  readonly each: {
    readonly deliveries: number;
    readonly publishes: number;
    readonly scripts: number;
    readonly gets: number;
    /** Of one script's arguments. */
    readonly scriptBytes: number;
  };
}

/** Where the BullMQ program takes its jobs. */
export const QUEUE = "reinstall";

/** The bare programs: files of this folder. */
export type BareName = "loop" | "naive" | "bullmq";

/** What a program that was forked says: that it takes commands, or what it has used. */
export type ChildSays =
  | { readonly kind: "ready" }
  | { readonly kind: "cpu"; readonly seconds: number };

/** In the child: what it is to do. */
export function childOrder(): ChildOrder {
  return JSON.parse(process.env["BENCH_CHILD"] ?? "") as ChildOrder;
}

/** In the child: takes commands now; answers every message of its parent with its CPU time, user and system. */
export function childReady(): void {
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    say({ kind: "cpu", seconds: (user + system) / 1e6 });
  });
  process.on("disconnect", () => process.exit());
  say({ kind: "ready" });
}

function say(what: ChildSays): void {
  process.send?.(what);
}
