import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { describe, expect, it } from "vitest";
import type { BrokerSession } from "../../src/cli/broker-session.ts";
import type { CliIo } from "../../src/cli/io.ts";
import type { DeadLetter } from "../../src/core/messages/dead-letter.ts";
import { runCli } from "../../src/cli/program.ts";
import type { StoreSession } from "../../src/cli/store-session.ts";
import type { ProgressEvent } from "../../src/contract/event.ts";
import { createHttpApp } from "../../src/observe/http/http-app.ts";
import { chartFile, documents, only, ROOT } from "./helm.ts";
import { unknownIn } from "./metric-names.ts";

interface Rule {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const FOLDER = join(ROOT, "docs/runbooks");
const PAGES = readdirSync(FOLDER).filter((file) => file !== "README.md");
const README = readFileSync(join(FOLDER, "README.md"), "utf8");
const read = (file: string) => readFileSync(join(FOLDER, file), "utf8");

const RULES = ["alerts", "objectives"].flatMap((file) => {
  const { groups } = load(chartFile(`files/${file}.yaml`)) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[];
  };
  return groups.flatMap(({ rules }) => rules).filter((rule) => "alert" in rule);
});
const ALERTS = RULES.map(({ alert }) => alert);

/** Our alerts as an installation has them. */
async function annotated(name: string, settings: readonly string[] = []): Promise<readonly Rule[]> {
  const { spec } = only(await documents(name, settings), "PrometheusRule");
  const rendered = (spec["groups"] as { rules: Rule[] }[]).flatMap(({ rules }) => rules);
  return rendered.filter(({ alert }) => ALERTS.includes(alert));
}

describe("the runbooks", () => {
  it("are one page for each alert, and no other", () => {
    expect(PAGES.map((file) => file.replace(/\.md$/, "")).sort()).toEqual(ALERTS.toSorted());
  });

  it("are listed with their severity", () => {
    const listed = [...README.matchAll(/^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \|/gm)].map(
      ([, name, file, severity]) => `${name} ${file} ${severity}`,
    );
    const meant = RULES.map(({ alert, labels }) => `${alert} ${alert} ${labels["severity"]}`);
    expect(listed.toSorted()).toEqual(meant.toSorted());
  });

  it("are where each alert's runbook_url leads on a git host", async () => {
    const told = await annotated("full");
    expect(told.length).toBeGreaterThan(0);
    for (const { alert, annotations } of told) {
      const { runbook_url: url = "", runbook } = annotations;
      expect(url).toBe(
        `https://git.example.com/ops/ecs-reinstall-worker/blob/main/docs/runbooks/${alert}.md`,
      );
      expect(PAGES).toContain(url.split("/").at(-1));
      expect(runbook, alert).toBeUndefined();
    }
  });

  it("are where each alert's runbook lies in the sources, when nobody has said where they are served", async () => {
    const told = await annotated("minimal", [
      "prometheusRule.enabled=true,podMonitor.enabled=true",
    ]);
    expect(told.map(({ alert }) => alert)).toEqual(ALERTS);
    for (const { alert, annotations } of told) {
      expect(existsSync(join(ROOT, annotations["runbook"] ?? "nowhere")), alert).toBe(true);
      expect(annotations["runbook_url"], alert).toBeUndefined();
    }
  });

  it("have alerts whose severity an installation may change", async () => {
    const settings = ["prometheusRule.severities.EcsReinstallUnresolved=critical"];
    const told = await annotated("full", settings);
    const severity = (name: string) => told.find(({ alert }) => alert === name)?.labels["severity"];
    expect(severity("EcsReinstallUnresolved")).toBe("critical");
    expect(severity("EcsReinstallDelayQueueStuck")).toBe("warning");
  });

  it("have the ending that they are served with", async () => {
    for (const [suffix, end] of [
      ["", "EcsReinstallStuck"],
      [".html", "EcsReinstallStuck.html"],
    ] as const) {
      const told = await annotated("full", [`prometheusRule.runbookSuffix=${suffix}`]);
      const { annotations } = told.find(({ alert }) => alert === "EcsReinstallStuck") as Rule;
      expect(annotations["runbook_url"]?.split("/").at(-1)).toBe(end);
    }
  });

  it.each(PAGES)("%s says what somebody needs who is tired", (file) => {
    const text = read(file);
    const headings = [...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(text).toMatch(new RegExp(`^# ${file.replace(/\.md$/, "")}\n\n[A-Z][^#]+?[.:]`));
    expect(text).toMatch(/^\*\*How bad\.\*\*/m);
    expect(headings).toEqual(["Look first", "Likely causes", "Do", "Do not", "Escalate"]);
    // How one sees that it is over: that the alert has ended does not say it.
    expect(text).toMatch(/\n\*\*Over when\*\*: [^#]+\n\n## Do not\n/);
    expect(text.split("\n").length, "lines of a page").toBeLessThan(120);
  });
});

describe("what a runbook says", () => {
  const all = ["README.md", ...PAGES];

  it.each(all)("%s: its links lead somewhere", (file) => {
    const broken = [...read(file).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].filter(
      ([, path = "", anchor]) => !leadsSomewhere(file, path, anchor),
    );
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it.each(all)("%s: its queries use metrics, labels and values that the worker has", (file) => {
    expect(fences(read(file), "promql").flatMap(unknownIn)).toEqual([]);
  });

  it.each(all)("%s: its command lines are ones that ecs-reinstall takes", async (file) => {
    for (const line of commandLines(read(file), "ecs-reinstall")) {
      const io = pretendedIo();
      const [, ...args] = words(line);
      // Named only, in the running text.
      const bare = args.length === 1;
      const code = await runCli(bare ? [...args, "--help"] : args, io);
      expect([line, code, io.said()]).toEqual([line, 0, ""]);
    }
  });

  it.each(all)("%s: its paths are ones that a worker answers", async (file) => {
    for (const line of commandLines(read(file), "curl")) {
      const url = /\slocalhost:80\d\d(\S+)$/.exec(line)?.[1];
      expect(url, line).toBeDefined();
      const answer = await httpApp().fetch(new Request(`http://worker${filledIn(url ?? "")}`));
      expect(answer.status, line).toBe(200);
    }
  });

  it.each(all)("%s: its log queries name messages and fields that are written", (file) => {
    for (const line of commandLines(read(file), "logs")) {
      expect(line).toMatch(/^logs --since=\d+[hm] \| jq -[cr] '[^']+'/);
      const filter = /jq -[cr] '([^']+)'/.exec(line)?.[1] ?? "";
      const messages = [...filter.matchAll(/\.msg == "([^"]+)"/g)].map(([, text = ""]) => text);
      expect(
        messages.filter((text) => !SOURCES.includes(`"${text}"`)),
        line,
      ).toEqual([]);
      const named = filter
        .replaceAll(/"[^"]*"/g, '""')
        .matchAll(/(?<![\w)])\.(\w+)|[{,] (\w+)(?=[,}])/g);
      const fields = [...named, ...filter.matchAll(/\{(\w+)(?=[,}])/g)].map(
        ([, one, two]) => one ?? two ?? "",
      );
      expect(
        fields.filter((field) => !isWritten(field)),
        line,
      ).toEqual([]);
    }
  });

  it.each(all)("%s: it uses no other program than the README names", (file) => {
    const programs = fences(read(file), "sh").map((line) => line.split(" ")[0] ?? "");
    expect(programs.filter((program) => !PROGRAMS.includes(program))).toEqual([]);
  });

  it.each(all)("%s: it fights neither Helm nor KEDA", (file) => {
    const text = read(file);
    expect(text).not.toMatch(/npx /);
    expect(text).not.toMatch(
      /rollout undo|kubectl[^\n]* (?:scale|set|edit|patch|apply|delete deployment)\b/,
    );
  });

  it.each(all)("%s: what it calls a setting is one", (file) => {
    const settings = readFileSync(join(ROOT, "docs/configuration.md"), "utf8");
    const named = [...read(file).matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)].map(
      ([, name = ""]) => name,
    );
    const unknown = named.filter(
      (name) => !settings.includes(`\`${name}\``) && !(name in PLACEHOLDERS),
    );
    expect(unknown).toEqual([]);
  });
});

const PROGRAMS = [
  "ecs-reinstall",
  "logs",
  "curl",
  "kubectl",
  "helm",
  "rabbitmqctl",
  "rabbitmqadmin",
  "rabbitmq-diagnostics",
  "rabbitmq-queues",
  "date",
];

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  COMMAND_ID: "heal-2026-11-23-web-01",
  SERVER_ID: "4f4b3dfa-eb70-47cf-a60a-998a53bd598a",
  PROJECT_ID: "0123456789abcdef0123456789abcdef",
  DEAD_ID: "heal-2026-11-23-web-01/1/dead",
  USER_ID: "7e25b1da389f4697a79df3a0e5bd494e",
};

function filledIn(text: string): string {
  return text.replaceAll(/\b[A-Z]+_ID\b/g, (name) => PLACEHOLDERS[name] ?? name);
}

/** Lines of the fenced blocks of a language. */
function fences(text: string, language: string): readonly string[] {
  const blocks = [...text.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, "g"))];
  return blocks.flatMap(([, block = ""]) => block.split("\n").filter((line) => line !== ""));
}

/** Command lines of a program, in blocks and in the running text, where a table escapes its pipes. */
function commandLines(text: string, program: string): readonly string[] {
  const inline = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) =>
    code.replaceAll("\\|", "|"),
  );
  const told = inline.filter((code) => code.includes(" ") && !code.includes("()"));
  return [...fences(text, "sh"), ...told].filter((line) => line.startsWith(`${program} `));
}

/** As a shell would split it. */
function words(line: string): readonly string[] {
  return [...filledIn(line).matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? "",
  );
}

/** The world as a command line meets it when all is well; only a mistake in the line can fail. */
function pretendedIo(): CliIo & { said(): string } {
  let said = "";
  return {
    env: {
      AMQP_URL: "amqp://broker",
      REDIS_URL: "redis://store",
      ECS_PROJECTS: PLACEHOLDERS["PROJECT_ID"],
      ECS_ACCESS_KEY: "AK",
      ECS_SECRET_KEY: "SK",
    },
    out: () => undefined,
    err: (text) => {
      said += text;
    },
    said: () => said,
    openBroker: async () => broker(),
    openStore: async () => STORE,
    fetch: async (url) => httpApp().request(url),
    program: "ecs-reinstall",
    onSignal: () => () => undefined,
  };
}

const STORE: StoreSession = {
  operator: {
    cancel: async () => ({ kind: "requested", phase: "waiting" }),
    setPause: async () => ({ kind: "set", atMs: 1, wasOn: true }),
    holder: async () => ({
      owner: "heal-1",
      shown: "heal-1",
      isOpen: false,
      fencedUntilMs: null,
      youngUntilMs: null,
    }),
    resolve: async () => ({ kind: "settled", oursToStart: false }),
    standingOf: async () => ({ outcome: null, phase: "waiting", waitsFor: null, holder: null }),
    pauseSeen: async () => true,
    standingPauses: async () => new Map(),
    sending: async () => [],
    projects: async () => [],
    unlock: async (_project, { owner }) => ({ kind: "freed", owner }),
    note: async () => ({ kind: "noted" }),
  },
  close: () => undefined,
};

/** Answers a command with its end. */
function broker(): BrokerSession {
  let tell: (event: ProgressEvent) => void = () => undefined;
  return {
    lost: new Promise<never>(() => undefined),
    listen: async () => "events",
    follow: async (_server, onEvent) => {
      tell = onEvent;
      return "replies";
    },
    publish: async ({ id }) =>
      tell({ id: `${id}/1`, data: { command_id: id, event: "planned" } } as never),
    holdDead: async () => ({
      letters: [DEAD_LETTER],
      complete: true,
      drop: async () => undefined,
      returnOne: async () => undefined,
      putBack: async () => undefined,
    }),
    close: async () => undefined,
  };
}

const DEAD_LETTER: DeadLetter = {
  id: PLACEHOLDERS["DEAD_ID"] ?? "",
  kind: "whole",
  reason: "put here",
  at: null,
  command_id: null,
  project_id: null,
  server_id: null,
  source: null,
  command_reason: null,
  origin: { app_id: null, user_id: null, exchange: null, routing_key: null, queue: null },
  deliveries: 0,
  returned: 0,
  not_returnable: null,
  content: {},
};

function httpApp() {
  const nothing = {
    phase: "watch",
    sequence: 1,
    updatedAtMs: 0,
    outcome: null,
    jobId: null,
    finalEvent: null,
    createdAtMs: 0,
    attempt: 1,
    waitsFor: null,
    holder: null,
    sinceMs: 0,
    nextTryMs: 0,
    expiresAtMs: null,
    notBeforeMs: null,
    source: null,
    reason: null,
    group: null,
    settled: null,
  };
  const free = { lock: null, waiting: [], history: [], brakes: null };
  return createHttpApp({
    metrics: { page: async () => "", contentType: "text/plain" },
    nowMs: Date.now,
    health: { hangs: () => null, dependencies: () => [] },
    views: {
      commandById: async (commandId) => ({
        kind: "found",
        view: [
          {
            command: { commandId, projectId: "", serverId: null, ...nothing },
            lastWord: null,
            brakes: null,
            server: null,
          },
        ],
      }),
      evidenceById: async () => ({ kind: "absent" }),
      serverStatus: async () => ({ kind: "found", view: free }),
    },
    overview: {
      commands: async () => ({ kind: "found", view: { entries: [], next: null } }),
      locks: async () => ({ kind: "found", view: { entries: [], next: null } }),
      inWork: async () => ({ kind: "found", view: { commands: [], open: 0 } }),
    },
    situation: { deadLetters: () => 0, notTaken: () => 0, budgetLeft: () => 1 },
    projects: [],
    brakes: {
      holding: () => [],
      slots: () => [],
      calls: () => [],
      readAtMs: () => 0,
      refresh: async () => true,
      keptOff: () => [],
    },
    looks: { look: async () => ({ kind: "absent" }) },
    audit: { entries: async () => ({ kind: "found", view: { entries: [], next: null } }) },
    onError: () => undefined,
  });
}

/** Everything that writes log lines. */
const SOURCES = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
  .filter((file) => /\.tsx?$/.test(file))
  .map((file) => readFileSync(join(ROOT, "src", file), "utf8"))
  .join("\n");

/** Of every line, or given by name where something is logged. */
function isWritten(field: string): boolean {
  const ofPino = ["time", "level", "msg", "err", "message", "stack", "error"];
  return ofPino.includes(field) || new RegExp(`\\b${field}\\b["]?\\s*[,:]`).test(SOURCES);
}

/** Written beside these pages; from when they are there they are checked like the others. */
const PROMISED = ["../operations.md", "../security.md"];

function leadsSomewhere(file: string, path: string, anchor: string | undefined): boolean {
  const target = path === "" ? join(FOLDER, file) : join(FOLDER, path);
  if (!existsSync(target)) return PROMISED.includes(path);
  if (anchor === undefined || !target.endsWith(".md")) return true;
  const headings = [...readFileSync(target, "utf8").matchAll(/^#+ (.+)$/gm)].map(
    ([, heading = ""]) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
  );
  return headings.includes(anchor);
}
