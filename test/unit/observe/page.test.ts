import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { createHttpServer, type HttpServer } from "../../../src/observe/http/http-server.ts";
import {
  busyNight,
  HOSTILE,
  pictured,
  PROJECT,
  quiet,
  storeAway,
} from "../../support/page-scenes.ts";

const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd5989";
const WORKING = "/commands/heal-web-04-5e0d";

const open: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.stop()));
});

type Scene = ReturnType<typeof busyNight>;

async function visit(scene: Scene) {
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const server = createHttpServer({ host: "127.0.0.1", port: 0, ...scene, onError });
  open.push(server);
  await server.start();
  const base = `http://127.0.0.1:${server.address()?.port}`;
  return async (path: string, init: RequestInit = {}) => {
    const response = await fetch(base + path, { redirect: "manual", ...init });
    const html = await response.text();
    expect(errors).toEqual([]);
    return { status: response.status, headers: response.headers, html, text: textOf(html) };
  };
}

/** What a person reads. */
function textOf(html: string): string {
  return html
    .replace(/<head>.*<\/head>/s, "")
    .replaceAll(/<br\/?>|<\/(?:p|li|h\d|td|dd|dt)>/g, "\n")
    .replaceAll(/<[^>]*>/g, "")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&")
    .replaceAll(/ +/g, " ");
}

const PAGES: readonly (readonly [string, () => Scene, string])[] = [
  ["the first page", busyNight, "/"],
  ["the first page of the README", pictured, "/"],
  ["the first page of nothing", quiet, "/"],
  ["the first page without Redis", storeAway, "/"],
  ["a command", busyNight, WORKING],
  ["a command that has ended", busyNight, "/commands/heal-db-03-90aa"],
  ["a command without Redis", storeAway, WORKING],
  ["an unknown command", quiet, "/commands/nobody"],
  ["an id that cannot be one", quiet, "/commands/a%20b"],
  ["a server", busyNight, `/servers/${PROJECT}/${SERVER}`],
  ["a server without Redis", storeAway, `/servers/${PROJECT}/${SERVER}`],
  ["a server of another project", busyNight, `/servers/${"f".repeat(32)}/${SERVER}`],
  ["nothing found", quiet, "/find?id=%3Cscript%3E"],
];

describe.each(PAGES)("%s", (_name, scene, path) => {
  it("is shown by a browser that may run nothing, load nothing and send nothing elsewhere", async () => {
    const { headers, html } = await (await visit(scene()))(path);
    const style = /<style>(.*)<\/style>/s.exec(html)?.[1] ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    expect(headers.get("content-security-policy")).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    );
    expect(headers.get("content-type")).toMatch(/^text\/html; charset=utf-8$/i);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(html.startsWith("<!doctype html>")).toBe(true);
    expect(html).toContain('<html lang="en">');
    expect(html.match(/<h1[ >]/g)).toHaveLength(1);
  });

  it("holds no script, no handler, no style attribute, and no address but this worker's", async () => {
    const { html } = await (await visit(scene()))(path);
    const tags = html.replace(/<style>.*<\/style>/s, "").match(/<[a-z][^>]*>/gi) ?? [];
    for (const tag of tags) {
      expect(tag).not.toMatch(/^<(script|iframe|object|embed|base|img)/i);
      // Names only: a value may hold anything that is escaped.
      const names = tag.replaceAll(/"[^"]*"/g, '""');
      expect(names).not.toMatch(/\s(?:on\w+|style)=/i);
      const address = /\s(?:href|src|action)="([^"]*)"/.exec(tag)?.[1];
      if (address !== undefined) expect(address).toMatch(/^(?:\/(?!\/)|#|data:image\/svg)/);
    }
  });
});

it("shows what a bad sender writes as text, and names what cannot be seen", async () => {
  const get = await visit(busyNight());
  for (const path of ["/", WORKING, `/servers/${PROJECT}/${SERVER}`]) {
    const { html, text } = await get(path);
    expect(text).toContain(HOSTILE.replace("\u202e", "\\u{202e}"));
    expect(html).toContain("&lt;script&gt;");
    expect(html).not.toContain("\u202e");
  }
});

describe("the first page", () => {
  it("names a server that is off and cannot be started, once that lasts, and how to see what keeps it", async () => {
    const scene = busyNight();
    const inWork: Scene["overview"]["inWork"] = async (project) => {
      const all = await scene.overview.inWork(project);
      if (all.kind !== "found") return all;
      const [first, ...rest] = all.view.commands;
      if (first === undefined) throw new Error("nothing is in work");
      const restoring = { ...first, phase: "restore", waitsFor: "cloud-unavailable" } as const;
      const ago = (ms: number) => Date.now() - ms;
      const lasting = { ...restoring, commandId: "lasting", sinceMs: ago(120_000) };
      const short = { ...restoring, commandId: "short", sinceMs: ago(5_000) };
      const tried = { ...lasting, commandId: "tried", waitsFor: null };
      const commands = [lasting, short, tried, ...rest] as typeof all.view.commands;
      return { ...all, view: { ...all.view, commands } };
    };
    const { text } = await (await visit({ ...scene, overview: { ...scene.overview, inWork } }))(
      "/",
    );
    expect(text.match(/Off, and cannot be started/g)).toHaveLength(1);
    expect(text).toContain("what you can do:ecs-reinstall explain lasting");
    expect(text).toContain("the server is being started again");
    expect(text).not.toContain("not reinstalled; the server");
  });

  it("has first what needs a person, with the line to type", async () => {
    const { html, text } = await (await visit(busyNight()))("/");
    const order = [
      "Needs a person",
      "In work",
      "Waiting, and why",
      "Brakes and limits",
      "Last ends",
    ];
    const places = order.map((title) => html.indexOf(`>${title}</h2>`));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
    for (const needed of [
      "Unresolved: 4f4b3dfa-eb70-47cf-a60a-998a53bd5982",
      `ecs-reinstall resolve heal-web-02-41d7 --project ${PROJECT} --as reinstalled --reason …`,
      `ecs-reinstall resolve heal-web-02-41d7 --project ${PROJECT} --as not-reinstalled --reason …`,
      "Left off: 4f4b3dfa-eb70-47cf-a60a-998a53bd5983",
      "Quarantined: 4f4b3dfa-eb70-47cf-a60a-998a53bd5989",
      "ecs-reinstall release 4f4b3dfa-eb70-47cf-a60a-998a53bd5989",
      "2 messages in the dead queue",
      "Paused for more than a day: group:db",
    ]) {
      expect(text).toContain(needed);
    }
    expect(html).toContain("<title>(5) ecs-reinstall</title>");
  });

  it("says of waiting commands what explain says, once for all that wait for the same", async () => {
    const { text } = await (await visit(busyNight()))("/");
    expect(text).toMatch(/9 × cooldown\s+It waits: the server was reinstalled by heal-web-71-1a2b/);
    expect(text).toMatch(
      /2 × server-busy\s+It waits: its server is held by command heal-web-04-5e0d/,
    );
    expect(text).toMatch(/1 × joined\s+Another command does the same/);
    expect(text).toContain("and 3 more");
  });

  it("shows a storm, a step that hangs and a dependency that is away", async () => {
    const sinceMs = Date.now() - 65_000;
    const storm = {
      brake: "storm-failures",
      projectId: PROJECT,
      scope: "storm-failures",
      by: null,
      sinceMs,
      reason: "5 failures in a row, most of them job-failed Ecs.0021",
    };
    const scene = {
      ...quiet(),
      health: {
        hangs: () => "a delivery is in hand for 900 s",
        dependencies: () => [{ name: "cloud", state: "down", sinceMs, detail: "401" } as const],
      },
      brakes: { ...quiet().brakes, holding: () => [storm] },
    };
    const { text } = await (await visit(scene))("/");
    expect(text).toContain(`Too many reinstalls failed: project ${PROJECT} is stopped`);
    expect(text).toMatch(/For 1 min 5 s: 5 failures in a row, most of them job-failed Ecs.0021/);
    expect(text).toContain(`ecs-reinstall resume storm-failures --project ${PROJECT}`);
    expect(text).toContain("cloud is down");
    expect(text).toContain("A step hangs in this worker");
  });

  it("says which storm a person keeps off, for how long, who and why", async () => {
    const nowMs = Date.now();
    const off = {
      brake: "storm-asks",
      projectId: PROJECT,
      scope: "storm-asks",
      by: "ada",
      sinceMs: nowMs,
      reason: "<refresh> of the web pool",
      untilMs: nowMs + 2 * 3_600_000 + 30_000,
    };
    const scene = { ...quiet(), brakes: { ...quiet().brakes, keptOff: () => [off] } };
    const { text } = await (await visit(scene))("/");
    expect(text).toMatch(
      /storm-asks \(project \w+\) does not set itself for another 2 h.*: lifted by ada: <refresh> of the web pool/,
    );
  });

  it("says of what people have set when it was read, where it cannot be read now", async () => {
    const shown = async (readAtMs: number | null, isCurrent: boolean) => {
      const old = { readAtMs: () => readAtMs, refresh: async () => isCurrent };
      const scene = { ...quiet(), brakes: { ...quiet().brakes, ...old } };
      return (await (await visit(scene))("/")).text;
    };
    const nowMs = Date.now();
    expect(await shown(nowMs - 600_000, false)).toMatch(
      /what people have set is shown as it was 10 min.* ago/,
    );
    expect(await shown(null, false)).toContain("what people have set is not known");
    expect(await shown(nowMs, true)).not.toContain("what people have set");
  });

  it("says what it means that nothing is there", async () => {
    const { status, text, html } = await (await visit(quiet()))("/");
    expect(status).toBe(200);
    expect(html).toContain("<title>ecs-reinstall</title>");
    for (const said of [
      "Nothing. No server is unresolved",
      "all slots are free",
      "No command waits",
      "No pause and no protection stands",
      "No end is remembered",
    ]) {
      expect(text).toContain(said);
    }
  });

  it("without the store shows what is known all the same, and takes nothing for empty", async () => {
    const { status, text } = await (await visit(storeAway()))("/");
    expect(status).toBe(503);
    expect(text).toContain("redis is down");
    expect(text).toContain("connect ECONNREFUSED 10.0.3.7:6379");
    expect(text).toContain("That is not the same as nothing being there");
    expect(text).not.toContain("all slots are free");
    expect(text).not.toContain("No end is remembered");
  });

  it("says how many more are open than it shows", async () => {
    const scene = busyNight();
    const { overview: known } = scene;
    const next = { project: PROJECT, score: 1, id: "x" };
    const overview: typeof scene.overview = {
      ...scene.overview,
      commands: async (filter, page) => {
        const found = await known.commands(filter, page);
        return found.kind === "found" && filter.state === undefined
          ? { kind: "found", view: { ...found.view, next } }
          : found;
      },
      inWork: async (project) => {
        const found = await known.inWork(project);
        return found.kind === "found"
          ? { kind: "found", view: { ...found.view, open: 50_000 } }
          : found;
      },
    };
    const { text } = await (await visit({ ...scene, overview }))("/");
    expect(text).toContain("50000 commands are open; shown are 12 that have not moved for longest");
    expect(text).toMatch(/49994\s+waiting/);
  });

  it("refreshes itself until somebody stops that", async () => {
    const get = await visit(busyNight());
    const first = await get("/");
    expect(first.headers.get("refresh")).toBe("10");
    expect(first.html).toContain('<a href="/?stay=1">stop</a>');
    const stays = await get(`/?project=${PROJECT}&stay=1`);
    expect(stays.headers.get("refresh")).toBeNull();
    expect(stays.html).toContain(`<a href="/?project=${PROJECT}">refresh by itself</a>`);
  });

  it("is of one project where that is asked for, and of none that is not ours", async () => {
    const asked: unknown[] = [];
    const scene = busyNight();
    const overview: typeof scene.overview = {
      ...scene.overview,
      inWork: (project) => {
        asked.push(project);
        return scene.overview.inWork(project);
      },
    };
    const get = await visit({ ...scene, overview });
    expect((await get(`/?project=${PROJECT}`)).status).toBe(200);
    expect(asked).toEqual([PROJECT]);
    expect((await get(`/?project=${"f".repeat(32)}`)).status).toBe(404);
    expect((await get("/?project=x")).status).toBe(400);
  });
});

describe("a command's page", () => {
  it("draws its way, and has each step with its time", async () => {
    const { html, text } = await (await visit(busyNight()))(WORKING);
    expect(html).toMatch(/<svg class="way"[^>]*aria-label="from waiting for .*, then prepare for/);
    const order = [
      "Accepted",
      "Waits for cooldown",
      "The server is being stopped",
      "Power is cut",
      "The request was recorded, right before it was sent",
      "The cloud has accepted the reinstall",
      "The job is RUNNING",
    ];
    const places = order.map((title) => text.indexOf(`${title}\n`));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places[0]).toBeGreaterThan(0);
    expect(text).toContain("2 of 5 sub-jobs have ended; 3 min since the request");
    expect(text).toContain("fields that nobody reads: prority");
    expect(html).toContain('href="/v1/commands/heal-web-04-5e0d?view=evidence"');
  });

  it("has the end last, and what people did", async () => {
    const { text } = await (await visit(busyNight()))("/commands/heal-db-03-90aa");
    expect(text.indexOf("Failed\n")).toBeGreaterThan(text.indexOf("The job is RUNNING"));
    expect(text).toContain("pause (project) lifted by ada, 2 h ago: the rack has power again");
  });

  it("is 404 with a reason where nothing is known, and 503 where nobody can know", async () => {
    const unknown = await (await visit(quiet()))("/commands/nobody");
    expect([unknown.status, unknown.headers.get("refresh")]).toEqual([404, null]);
    expect(unknown.text).toContain("No such command is known: it never arrived");
    const away = await (await visit(storeAway()))("/commands/nobody");
    expect([away.status, away.headers.get("refresh")]).toEqual([503, "10"]);
    expect(away.text).toContain("The store (Redis) does not answer");
    expect((await (await visit(quiet()))("/commands/a%20b")).status).toBe(400);
  });
});

it("a server's page has its reinstalls, and what each brake says", async () => {
  const { text } = await (await visit(busyNight()))(`/servers/${PROJECT}/${SERVER}`);
  expect(text).toMatch(/failed\s+heal-web-09-6b12\s+\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s+12 min 48 s/);
  expect(text).toMatch(/quarantine\s+no: the server was reinstalled 3 times/);
});

describe("find", () => {
  it.each([
    ["heal-web-04-5e0d", WORKING],
    [" heal-web-04-5e0d ", WORKING],
    [SERVER.toUpperCase(), `/servers/${PROJECT}/${SERVER}`],
  ])("leads from %j to %s", async (id, to) => {
    const { status, headers } = await (await visit(busyNight()))(
      `/find?id=${encodeURIComponent(id)}`,
    );
    expect([status, headers.get("location")]).toEqual([302, to]);
  });

  it("leads nowhere else", async () => {
    const get = await visit(busyNight());
    for (const id of ["", "nobody", "//evil.example", "https://evil.example"]) {
      const { status, headers } = await get(`/find?id=${encodeURIComponent(id)}`);
      expect([status, headers.get("location")]).toEqual([404, null]);
    }
  });
});

it("nothing is taken from whoever sends something", async () => {
  const get = await visit(busyNight());
  for (const path of ["/", WORKING, "/find"]) {
    expect((await get(path, { method: "POST", body: "x" })).status).toBe(405);
  }
});
