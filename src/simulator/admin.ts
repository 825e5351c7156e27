import type { IncomingMessage, ServerResponse } from "node:http";
import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { z } from "zod";
import type { CloudState } from "./cloud/cloud-state.ts";
import type { FaultSpec } from "./faults/fault-schema.ts";
import { credentialSchema } from "./options.ts";
import { outsideActionSchema } from "./cloud/outside-actions.ts";
import { quotaSchema } from "./requests/quota.ts";
import { serverPatchSchema, serverSpecSchema } from "./cloud/server-record.ts";
import { serverV1 } from "./requests/server-view.ts";
import type { InProcess, SimulatedServer } from "./simulator.ts";

/** The admin API under `/_sim/`: the in-process methods over JSON, without credentials. */
export function createAdmin(methods: InProcess, state: CloudState) {
  const app = new Hono().basePath("/_sim");

  app.get("/health", (c) => {
    const servers = methods.servers().length;
    return c.json({ status: "ok", servers, cloudTime: new Date(state.cloudNowMs()) });
  });

  app.get("/servers", (c) => c.json({ servers: methods.servers().map(summary) }));
  app.post("/servers", async (c) => {
    const spec = await read(c, serverSpecSchema);
    return c.json(summary(methods.addServer(spec)), 201);
  });
  app.get("/servers/:id", (c) => {
    const server = find(c);
    const record = state.servers.get(server.id);
    return c.json({ ...summary(server), ...(record !== undefined && serverV1(record)) });
  });
  app.patch("/servers/:id", async (c) => {
    const server = find(c);
    server.patch(await read(c, serverPatchSchema));
    return c.json(summary(server));
  });
  app.delete("/servers/:id", (c) => {
    methods.removeServer(find(c).id);
    return c.body(null, 204);
  });
  app.post("/servers/:id/actions", async (c) => {
    const server = find(c);
    server.act(await read(c, outsideActionSchema));
    return c.json(summary(server));
  });

  app.get("/faults", (c) => c.json({ faults: methods.faults.list() }));
  app.post("/faults", async (c) => {
    // Checked by `set` itself, which names the field and its place in a list.
    const specs = (await readJson(c)) as FaultSpec | FaultSpec[];
    return c.json({ ids: methods.faults.set(specs) }, 201);
  });
  app.delete("/faults", (c) => {
    methods.faults.clear();
    return c.body(null, 204);
  });
  app.delete("/faults/:id", (c) => {
    methods.faults.clear(c.req.param("id"));
    return c.body(null, 204);
  });

  app.get("/ledger", (c) => c.json(methods.ledger()));
  app.get("/refusals", (c) => c.json(methods.refusals()));
  app.get("/calls", (c) => c.json(methods.calls(c.req.query("server"))));

  app.get("/quota", (c) => c.json(methods.quota()));
  app.put("/quota", async (c) => {
    methods.setQuota(await read(c, quotaSchema));
    return c.body(null, 204);
  });
  app.delete("/quota", (c) => {
    methods.setQuota(null);
    return c.body(null, 204);
  });

  app.put("/images/:id", async (c) => {
    methods.putImage({ ...(await read(c, imageSchema)), id: c.req.param("id") });
    return c.body(null, 204);
  });
  app.delete("/images/:id", (c) => {
    methods.removeImage(c.req.param("id"));
    return c.body(null, 204);
  });

  app.put("/credentials", async (c) => {
    methods.putCredential(await read(c, credentialSchema));
    return c.body(null, 204);
  });
  app.delete("/credentials/:key", (c) => {
    methods.removeCredential(c.req.param("key"));
    return c.body(null, 204);
  });
  app.post("/credentials/:key/unlock", (c) => {
    methods.unlockCredential(c.req.param("key"));
    return c.body(null, 204);
  });
  app.post("/tokens/revoke", (c) => {
    methods.revokeTokens();
    return c.body(null, 204);
  });

  app.put("/clock", async (c) => {
    methods.setClockSkew((await read(c, clockSchema)).skewMs);
    return c.body(null, 204);
  });
  app.post("/reset", (c) => {
    methods.reset();
    return c.body(null, 204);
  });

  app.notFound((c) => c.json({ problems: [{ path: "", message: "no such admin call" }] }, 404));
  app.onError((error, c) => {
    if (error instanceof z.ZodError) return c.json({ problems: problemsOf(error) }, 400);
    if (error instanceof RangeError) return c.json({ problems: [problem(error)] }, 409);
    if (error instanceof NotJson) return c.json({ problems: [problem(error, "")] }, 400);
    if (error instanceof UnknownServer) return c.json({ problems: [problem(error)] }, 404);
    throw error;
  });

  function find(c: Context): SimulatedServer {
    const server = methods.server(c.req.param("id") ?? "");
    if (server === undefined) throw new UnknownServer("no such server");
    return server;
  }

  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> =>
    await listener(request, response);
}

class UnknownServer extends Error {}
class NotJson extends Error {}

const clockSchema = z.strictObject({ skewMs: z.number().int() });

const imageSchema = z.strictObject({
  name: z.string().default("image"),
  status: z.enum(["active", "queued", "saving", "deleted", "killed"]).default("active"),
  osType: z.enum(["Linux", "Windows"]).default("Linux"),
  supportFcInject: z.enum(["true", "false"]).nullable().default(null),
});

async function read<T extends z.ZodType>(c: Context, schema: T): Promise<z.output<T>> {
  return schema.parse(await readJson(c));
}

/** An absent body counts as `{}`. */
async function readJson(c: Context): Promise<unknown> {
  const text = await c.req.text();
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw new NotJson("not valid JSON");
  }
}

function summary(server: SimulatedServer) {
  const { id, projectId, status, vmState, taskState, isOn, systemDiskId, runningJobs } = server;
  return { id, projectId, status, vmState, taskState, isOn, systemDiskId, runningJobs };
}

function problemsOf(error: z.ZodError) {
  return error.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
}

function problem(error: Error, path = "id") {
  return { path, message: error.message };
}
