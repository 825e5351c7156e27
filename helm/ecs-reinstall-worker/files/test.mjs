// Run by `helm test`: is the worker alive, ready, does it show its metrics, is what it stands on as it must be, and does a
// dry run come to its outcome?
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";

const { WORKER, READY_TIMEOUT_SECONDS, DOCTOR, DRY_RUN, SERVER_ID, PROGRAM } = process.env;
/** Where metrics and probes have a port of their own. */
const { API = WORKER } = process.env;
/** Where the image has it. */
const IN_THE_IMAGE = "/usr/local/bin/ecs-reinstall";
const OUTCOME_TIMEOUT_MS = 60_000;
/** Of no cloud: it must say that it knows no such server. */
const NO_SERVER = "00000000-0000-4000-8000-000000000000";

async function ask(path, base = WORKER) {
  const answer = await fetch(base + path, { signal: AbortSignal.timeout(5_000) });
  return { ok: answer.ok, status: answer.status, text: await answer.text() };
}

async function demand(path, holds) {
  const answer = await ask(path);
  if (!answer.ok || !holds(answer.text)) {
    throw new Error(`${path} answers ${answer.status}: ${answer.text.slice(0, 500)}`);
  }
  console.log(`${path}: fine`);
}

const pause = () => new Promise((done) => setTimeout(done, 1_000));

/** Ends in an error where something is wrong; warnings are only shown. Changes nothing. */
function doctor() {
  execFileSync(process.execPath, [PROGRAM ?? IN_THE_IMAGE, "doctor", "--quiet"], { stdio: "inherit" });
  console.log("nothing is wrong with broker, Redis and cloud");
}

/** Sends the command as an emitter does, and waits until the worker has stored what came of it: nothing is changed. */
async function dryRun() {
  const id = `helm-test-${randomUUID()}`;
  const server = SERVER_ID || NO_SERVER;
  const what = ["--server", server, "--keyname", "helm-test", "--userid", "helm-test", "--id", id];
  const args = [PROGRAM ?? IN_THE_IMAGE, "send", "--dry-run", "--source", "helm test", ...what];
  execFileSync(process.execPath, args, { stdio: "inherit" });
  const data = (await outcomeOf(id)).data;
  if (data.event !== "planned") throw new Error(`the dry run ended as ${JSON.stringify(data)}`);
  for (const { check, verdict, detail = "" } of data.checks) console.log(`${verdict} ${check} ${detail}`);
  const { verdict, detail } = data.checks.find(({ check }) => check === "server-exists");
  const wanted = SERVER_ID ? ["pass"] : ["pass", "fail"];
  if (!wanted.includes(verdict)) throw new Error(`server ${server}: ${verdict}: ${detail}`);
  console.log("the dry run went through broker, Redis and cloud");
}

async function outcomeOf(id) {
  const deadline = Date.now() + OUTCOME_TIMEOUT_MS;
  for (;;) {
    const { ok, text } = await ask(`/v1/commands/${id}`, API);
    const event = ok ? JSON.parse(text).commands[0]?.final_event : null;
    if (event) return event;
    if (Date.now() > deadline) throw new Error(`the dry run has no outcome in time: ${text}`);
    await pause();
  }
}

await demand("/livez", (text) => text.includes("alive"));
await demand("/metrics", (text) => text.includes("ecs_reinstall_build_info"));

const deadline = Date.now() + Number(READY_TIMEOUT_SECONDS) * 1000;
while (Number(READY_TIMEOUT_SECONDS) > 0) {
  const { ok, text } = await ask("/readyz");
  console.log(`/readyz: ${text}`);
  if (ok) break;
  if (Date.now() > deadline) throw new Error("the worker did not get ready in time");
  await pause();
}

if (DOCTOR === "true") doctor();
if (DRY_RUN === "true") await dryRun();
