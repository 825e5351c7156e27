// Turns alerts of a Prometheus Alertmanager into reinstalls. See README.md beside it.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { promisify } from "node:util";
import { createReinstallClient, ReinstallClientError } from "ecs-reinstall-worker/client";

const { AMQP_URL = "", KEYNAME = "", USERID = "", PORT = "9099" } = process.env;
/** The command line that can cancel: it needs REDIS_URL and ECS_PROJECTS. */
const CLI = (process.env["ECS_REINSTALL"] ?? "ecs-reinstall").split(" ");
const LONGEST_BODY = 1024 * 1024;

const client = createReinstallClient({ url: AMQP_URL });
const server = createServer((request, response) => {
  take(request).then(
    (status) => response.writeHead(status).end(),
    (error) => {
      console.error("not taken:", error.message);
      // Alertmanager tries again. The id makes that one reinstall.
      response.writeHead(503).end();
    },
  );
});
server.listen(Number(PORT), process.env["HOST"] ?? "127.0.0.1", () => console.log("listening"));
process.on("SIGTERM", () => {
  server.close();
  void client.close();
});

async function take(request) {
  if (request.method !== "POST") return 405;
  const { alerts } = JSON.parse(await bodyOf(request));
  for (const alert of alerts) {
    if (alert.labels.server_id === undefined) console.error("no label server_id:", alert.labels);
    else if (alert.status === "firing") await reinstall(alert);
    else await cancel(alert);
  }
  return 200;
}

/** One id for each alert and each time it began to fire: Alertmanager's repeats are duplicates. */
function idOf({ fingerprint, startsAt }) {
  return `alert-${fingerprint}-${Date.parse(startsAt)}`;
}

async function reinstall(alert) {
  const { alertname, server_id, project_id, group } = alert.labels;
  const command = {
    command_id: idOf(alert),
    server_id,
    project_id,
    group,
    "os-reinstall": { keyname: KEYNAME, userid: USERID },
    // What was reinstalled since is healed already.
    observed_at: new Date(alert.startsAt).toISOString(),
    source: "alertmanager",
    // Labels only: annotations may change while the alert fires, and one id has one content.
    reason: alertname,
  };
  try {
    await client.reinstall(JSON.parse(JSON.stringify(command)), {
      signal: AbortSignal.timeout(8_000),
    });
    console.log("sent", command.command_id);
  } catch (error) {
    if (!(error instanceof ReinstallClientError) || error.code !== "invalid-command") throw error;
    // No repeat will make it valid.
    console.error("not sent:", command.command_id, error.message);
  }
}

/** The fault is gone: what still waits is not needed any more. What was submitted cannot be called back. */
async function cancel(alert) {
  const { project_id } = alert.labels;
  const [program, ...first] = CLI;
  const project = project_id === undefined ? [] : ["--project", project_id];
  try {
    const { stdout } = await promisify(execFile)(program, [
      ...first,
      "cancel",
      idOf(alert),
      ...project,
      "--reason",
      "the alert is resolved",
      "--by",
      "self-healing",
    ]);
    console.log("cancelled:", stdout.trim());
  } catch (error) {
    console.log("not cancelled:", (error.stderr ?? error.message).trim());
  }
}

async function bodyOf(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > LONGEST_BODY) throw new Error("the body is too long");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}
