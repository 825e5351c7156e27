import { constants } from "node:fs";
import { access, chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findOnPath } from "./processes/backend.ts";
import { logTail, ownedDirectory, run, spawnOwned } from "./processes/child-process.ts";
import { eventually } from "./eventually.ts";
import { freePort } from "./network/free-port.ts";

/** Where a series comes from, as the dashboard and the alerts select by it. */
export interface ScrapeLabels {
  readonly namespace: string;
  readonly job: string;
}

/** One series of an answer, its value as a number: NaN where Prometheus says so. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus of our own. */
export interface Prometheus {
  readonly url: string;
  /** An instant query. Rejects with what Prometheus says about a query that it does not take. */
  query(expression: string): Promise<readonly Sample[]>;
  /** Waits until every worker has been scraped once more from now on. */
  scrapedAgain(): Promise<void>;
  /** One worker more, and its first scrape. */
  add(workerUrl: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a private Prometheus that scrapes these workers every second, and waits for the first scrape of each.
 * The workers' URLs become pods named after their place: `worker-1`.
 */
export async function startPrometheus(
  workerUrls: readonly string[],
  labels: ScrapeLabels,
): Promise<Prometheus> {
  const program = await prometheusProgram();
  const folder = await ownedDirectory("ecs-prometheus-");
  const logFile = join(folder.path, "log");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const targets: string[] = [...workerUrls];
  const targetsFile = join(folder.path, "targets.json");
  await writeFile(targetsFile, targetsOf(targets, labels));
  await writeFile(join(folder.path, "prometheus.yml"), configuration(labels));
  const server = await spawnOwned(
    program,
    [
      "--config.file=prometheus.yml",
      `--storage.tsdb.path=${join(folder.path, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { env: { PATH: process.env["PATH"] }, logFile, cwd: folder.path },
  );

  async function query(expression: string): Promise<readonly Sample[]> {
    const body = new URLSearchParams({ query: expression });
    const response = await fetch(`${url}/api/v1/query`, { method: "POST", body });
    const answer = (await response.json()) as Answer;
    if (answer.status !== "success") throw new Error(`${answer.error}: ${expression}`);
    const { resultType, result } = answer.data;
    if (resultType === "scalar") return [{ labels: {}, value: Number(result[1]) }];
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  async function scrapedAgain(): Promise<void> {
    const since = Date.now() / 1000;
    await eventually(
      async () => {
        if (server.ending !== undefined) throw new Error(`${server.ending}\n${logTail(logFile)}`);
        const fresh = await query(`count(timestamp(up == 1) > ${since})`);
        return fresh[0]?.value === targets.length;
      },
      { what: "a scrape of every worker", timeoutMs: 30_000, intervalMs: 200 },
    );
  }

  async function add(workerUrl: string): Promise<void> {
    targets.push(workerUrl);
    // By renaming: it must not be read half written.
    await writeFile(`${targetsFile}.new`, targetsOf(targets, labels));
    await rename(`${targetsFile}.new`, targetsFile);
    await scrapedAgain();
  }

  async function stop(): Promise<void> {
    await server.kill();
    await folder.remove();
  }

  try {
    await scrapedAgain();
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, query, scrapedAgain, add, stop };
}

type Answer =
  | {
      readonly status: "success";
      readonly data:
        | {
            readonly resultType: "vector";
            readonly result: readonly {
              readonly metric: Readonly<Record<string, string>>;
              readonly value: readonly [number, string];
            }[];
          }
        | { readonly resultType: "scalar"; readonly result: readonly [number, string] };
    }
  | { readonly status: "error"; readonly error: string };

/** JSON, which is YAML too. */
function configuration({ job }: ScrapeLabels): string {
  return JSON.stringify({
    global: { scrape_interval: "1s", scrape_timeout: "1s" },
    scrape_configs: [{ job_name: job, file_sd_configs: [{ files: ["targets.json"] }] }],
  });
}

function targetsOf(workerUrls: readonly string[], { namespace }: ScrapeLabels): string {
  return JSON.stringify(
    workerUrls.map((workerUrl, index) => ({
      targets: [new URL(workerUrl).host],
      labels: { namespace, pod: `worker-${index + 1}` },
    })),
  );
}

const CACHE = fileURLToPath(new URL("../../.cache/chart-tools", import.meta.url));

/**
 * Path of a Prometheus: PROMETHEUS in the environment, what was unpacked before, the PATH, or Debian's package,
 * unpacked and not installed (as scripts/chart-tools.sh does it for promtool).
 */
async function prometheusProgram(): Promise<string> {
  const given = process.env["PROMETHEUS"];
  if (given !== undefined && given !== "") return given;
  const cached = join(CACHE, "prometheus");
  if (await isProgram(cached)) return cached;
  const found = findOnPath("prometheus");
  if (found !== undefined) return found;
  try {
    await unpackDebianPackage(cached);
    return cached;
  } catch (error) {
    throw new Error(
      "no Prometheus: install it, or name it in PROMETHEUS; Debian's package prometheus could not be had",
      { cause: error },
    );
  }
}

async function unpackDebianPackage(file: string): Promise<void> {
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, "download."));
  try {
    // apt's own user must be able to write there.
    await chmod(folder, 0o755);
    const script =
      "{ apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }; } && dpkg -x prometheus_*.deb .";
    await run("/bin/sh", ["-c", script], { cwd: folder, timeoutMs: 100_000 });
    // By renaming: another run may be doing the same.
    await rename(join(folder, "usr/bin/prometheus"), file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function isProgram(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  );
}
