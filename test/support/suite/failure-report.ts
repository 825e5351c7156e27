import type { Stage, StageOptions } from "../stage.ts";

/** What a failed test of a stage shows beside its own message. */
export interface FailureReport {
  /** May be asked for after the stage was closed: what the broker had is then not known any more. */
  text(): Promise<string>;
  readonly closed: boolean;
}

const LINES = Number(process.env["FAULT_TAIL"] ?? 12);

/** The last lines of each worker, and what cloud, broker and emitter have seen. */
export function createFailureReport(
  stage: Pick<Stage, "workers" | "simulator" | "emitter">,
  { rabbitMq }: Pick<StageOptions, "rabbitMq">,
): FailureReport & { close(): void } {
  let closed = false;
  return {
    get closed() {
      return closed;
    },
    close: () => void (closed = true),
    async text() {
      const workers = stage.workers.map((worker) => {
        const tail = worker.output().trimEnd().split("\n").slice(-LINES).join("\n");
        return `worker ${worker.pid} (${worker.process.ending ?? "running"}):\n${tail}`;
      });
      const { entries } = stage.simulator.ledger();
      return [
        ...workers,
        `cloud: ${JSON.stringify(entries.slice(-LINES))}`,
        `broker: ${closed ? "the stage is closed" : await queuesOf(rabbitMq)}`,
        `events: ${stage.emitter
          .heard()
          .slice(-LINES)
          .map(({ event }) => `${event.id} ${event.data.event}`)
          .join(", ")}`,
      ].join("\n");
    },
  };
}

/** The stages of this test file, and whether one test alone plays on it, and tells of its own failure. */
const stages = new Map<FailureReport, { readonly ofOneTest: boolean }>();

export function reportWithTests(report: FailureReport, ofOneTest: boolean): void {
  stages.set(report, { ofOneTest });
}

export function forgetStages(): void {
  stages.clear();
}

/** Lays the report over the error, which is what is printed last. */
export async function explain(error: unknown, report: FailureReport): Promise<void> {
  if (isError(error)) error.message += `\n${await report.text()}`;
}

/**
 * What a failed test did not say itself: of the stages that the file's tests share, and of every stage where the test
 * ran out of time. Those that are closed are forgotten.
 */
export async function explainFailed(errors: readonly { message: string }[]): Promise<void> {
  const outOfTime = errors.some(({ message }) => message.startsWith("Test timed out"));
  for (const [report, { ofOneTest }] of stages) {
    if (outOfTime || !ofOneTest) for (const error of errors) await explain(error, report);
    if (report.closed) stages.delete(report);
  }
}

function isError(error: unknown): error is { message: string } {
  return typeof error === "object" && error !== null && "message" in error;
}

async function queuesOf(rabbitMq: StageOptions["rabbitMq"]): Promise<string> {
  try {
    const depths = Object.entries(await rabbitMq.queueDepths());
    return JSON.stringify(Object.fromEntries(depths.filter(([, messages]) => messages > 0)));
  } catch (error) {
    return `cannot be asked: ${String(error)}`;
  }
}
