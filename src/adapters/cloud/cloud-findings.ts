import { type Finding, type Findings, findingsOf } from "../../contract/finding.ts";
import { type ProjectId, ServerId } from "../../contract/ids.ts";
import type { CloudAdapter } from "./cloud-api.ts";

/** Whose cloud is asked, and for what. */
export interface ExaminedCloud {
  readonly cloud: Pick<CloudAdapter, "standings" | "probe" | "look" | "clockOffsetMs">;
  readonly projects: readonly ProjectId[];
  /** Of each project, by configuration. */
  readonly requestsPerSecond: number;
}

/** A server that nobody has: the answer shows the right to look at servers. */
const NO_SERVER = ServerId.parse("00000000-0000-4000-8000-000000000000");
/** A request for each: more are named and not asked. */
const ASKED_MOST = 50;
/** The cloud refuses a signature that is 15 minutes off; healthy clocks are much closer. */
const ODD_OFFSET_MS = 30_000;

/** Asks the cloud what changes nothing, at most one request that the credentials may be refused for. Never rejects. */
export async function cloudFindings(
  { cloud, projects, requestsPerSecond }: ExaminedCloud,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const found = findingsOf("cloud");
  const [first] = projects;
  if (first !== undefined) await cloud.probe(first, signal);
  if (!standingFindings(cloud, found)) return found.all;
  let throttled = false;
  for (const project of projects.slice(0, ASKED_MOST)) {
    const answer = await cloud.look(project, NO_SERVER, signal);
    const check = `project ${project}`;
    if (answer.kind === "refused") {
      const { message, nextStep, cloudCode } = answer.refusal;
      found.wrong(check, `may not look at servers: ${message} (${cloudCode})`, nextStep);
    } else if (answer.kind === "unreadable") {
      throttled ||= answer.waitsFor === "throttled";
      found.warning(check, `could not be asked: ${answer.message}`, "Ask again later.");
    } else found.ok(check, "may look at servers (ecs:cloudServers:showServer)");
  }
  if (projects.length > ASKED_MOST) {
    const rest = projects.length - ASKED_MOST;
    found.warning(
      "projects",
      `${rest} more were not asked`,
      "Ask with fewer ECS_PROJECTS at a time.",
    );
  }
  const rights = "stop, start and rebuild cannot be asked for without doing it";
  found.ok(
    "rights to change",
    `${rights}; a first command on a server that does not matter shows them`,
  );
  quotaFinding(throttled, requestsPerSecond, found);
  return found.all;
}

/** What is known without asking: of a worker's own cloud, at its start. */
function standingFindings(
  cloud: ExaminedCloud["cloud"],
  found: Findings = findingsOf("cloud"),
): boolean {
  let usable = true;
  for (const { name, state, cause } of cloud.standings()) {
    if (state === "down") {
      usable = false;
      found.wrong(name, cause ?? "down", TODO[name]);
    } else if (state === "untested") {
      usable &&= name === "clock";
      found.warning(name, cause ?? "not asked", TODO[name]);
    } else if (name !== "clock") found.ok(name, UP[name]);
    else clockFinding(cloud.clockOffsetMs(), found);
  }
  return usable;
}

function clockFinding(offsetMs: number | null, found: Findings): void {
  const says = `the cloud's clock is ${((offsetMs ?? 0) / 1000).toFixed(0)} s ahead of ours`;
  if (Math.abs(offsetMs ?? 0) > ODD_OFFSET_MS) found.warning("clock", says, TODO.clock);
  else found.ok("clock", says);
}

function quotaFinding(throttled: boolean, requestsPerSecond: number, found: Findings): void {
  const own = `the workers allow themselves ${requestsPerSecond} request(s) a second and project`;
  if (throttled) {
    const todo = "Lower ECS_REQUESTS_PER_SECOND, or ask the provider for a higher limit.";
    found.warning("quota", `the cloud throttles; ${own}`, todo);
  } else found.ok("quota", `not throttled; ${own}`);
}

type Name = ReturnType<ExaminedCloud["cloud"]["standings"]>[number]["name"];

const UP: Readonly<Record<Name, string>> = {
  ecs: "the endpoint answers",
  iam: "the endpoint answers",
  ims: "the endpoint answers",
  evs: "the endpoint answers",
  credentials: "accepted",
  clock: "right",
};

const TODO: Readonly<Record<Name, string>> = {
  ecs: "Check ECS_ENDPOINT, ECS_PROXY and the way there (network policy, DNS, certificates).",
  iam: "Check IAM_ENDPOINT and the way there.",
  ims: "Check IMS_ENDPOINT, the way there, and the right ims:images:list.",
  evs: "Check EVS_ENDPOINT, the way there, and the right evs:volumes:get.",
  credentials:
    "Check the access key or IAM user, its region and state. More than five refusals in a row lock it for 5 minutes.",
  clock: "Let this machine take its time from NTP.",
};
