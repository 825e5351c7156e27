import { afterAll, beforeAll, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { eventually } from "../support/eventually.ts";
import { openOnSharedServices, type SharedStage } from "../support/stage.ts";

let stage: SharedStage;
beforeAll(async () => {
  stage = await openOnSharedServices();
  await stage.addWorker();
});
afterAll(() => stage?.close());

const html = async (path: string) => {
  const response = await fetch(`${stage.workers[0]?.httpUrl}${path}`);
  return { status: response.status, text: await response.text() };
};

it("shows a reinstall while it runs, and when it has ended, step by step", async () => {
  const server = stage.simulator.addServer({ state: "SHUTOFF", jobDurationMs: 4_000 });
  const id = commandId("shown");
  const reason = "<script>document.title='owned'</script>";
  await stage.emitter.send(stage.command(id, server.id, { source: "node-healer", reason }));
  await stage.emitter.event(id, "submitted");
  await eventually(
    async () => {
      const { status, text } = await html("/");
      expect(status).toBe(200);
      expect(/id="work".*id="waiting"/s.exec(text)?.[0]).toContain(`/commands/${id}`);
      expect(text).toContain("the cloud reinstalls it");
      expect(text).not.toContain("<script");
    },
    { what: "the page shows the reinstall" },
  );
  await stage.emitter.outcome(id);
  expect(/id="ends".*/s.exec((await html("/")).text)?.[0]).toContain(`/commands/${id}`);
  const { text } = await html(`/commands/${id}`);
  for (const step of ["Accepted", "right before it was sent", "has accepted the reinstall"]) {
    expect(text).toContain(step);
  }
  expect(text).toContain("Succeeded");
  expect(text).not.toContain("<script");
  const past = await html(`/servers/${server.projectId}/${server.id}`);
  expect(past.text).toContain(`/commands/${id}`);
  const bundle = await html(`/v1/commands/${id}?view=evidence`);
  expect(JSON.parse(bundle.text)).toMatchObject({
    outcome: "succeeded",
    evidence: {
      asked: { on_busy: "join", dry_run: false },
      reinstalls: [{ command_id: id, outcome: "succeeded" }],
    },
  });
  const { entries } = stage.simulator.ledger();
  const request = entries.find(
    (entry) => entry.kind === "reinstall-request" && entry.serverId === server.id,
  );
  const requestId = request?.kind === "reinstall-request" ? request.requestId : "none";
  expect((await stage.emitter.event(id, "submitted")).data).toMatchObject({
    request_id: requestId,
  });
  expect(bundle.text).toContain(`"request_id":"${requestId}"`);
  const ended = await html("/v1/commands?state=ended");
  const listed = JSON.parse(ended.text) as { commands: { command_id: string }[] };
  expect(listed.commands.map(({ command_id }) => command_id)).toContain(id);
});
