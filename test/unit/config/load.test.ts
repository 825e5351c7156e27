import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { configWarnings } from "../../../src/config/warnings.ts";
import { maskedConfig } from "../../../src/config/masked.ts";
import { secretsOf } from "../../../src/config/secrets-of.ts";
import { formatProblems } from "../../../src/config/problem.ts";
import { makeCertificates } from "../../support/network/certificates.ts";

const PROJECT = "0123456789abcdef0123456789abcdef";
const OTHER_PROJECT = "fedcba9876543210fedcba9876543210";
const SECRET = "hunter2-hunter2";
const ENOUGH = { ECS_PROJECTS: PROJECT, ECS_ACCESS_KEY: "AK", ECS_SECRET_KEY: SECRET };
const HEAP_BYTES = 512 * 1024 * 1024;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "config-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function config(env: Record<string, string> = {}) {
  const loaded = loadConfig({ ...ENOUGH, ...env }, HEAP_BYTES);
  if (loaded.kind === "invalid") throw new Error(formatProblems(loaded.problems));
  return loaded.config;
}

function problems(env: Record<string, string | undefined>, heapBytes = HEAP_BYTES): string[] {
  const loaded = loadConfig({ ...ENOUGH, ...env }, heapBytes);
  if (loaded.kind === "ok") return [];
  return loaded.problems.map(({ variable, path, message }) => `${variable} (${path}): ${message}`);
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("the cap of reinstalls in work", () => {
  it("is 10, of a group none, and has no off", () => {
    expect(config().brakes).toMatchObject({ maxRunning: 10, maxRunningPerGroup: 0 });
    for (const wrong of ["0", "-1", "1001", "1.5", "none"]) {
      expect(problems({ BRAKES_MAX_RUNNING: wrong })).toEqual([
        "BRAKES_MAX_RUNNING (brakes.maxRunning): must be a whole number from 1 to 1000 (reinstalls)",
      ]);
    }
    expect(config({ BRAKES_MAX_RUNNING: "1" }).brakes.maxRunning).toBe(1);
    expect(config({ BRAKES_MAX_RUNNING_PER_GROUP: "3" }).brakes.maxRunningPerGroup).toBe(3);
  });
});

describe("asking a reinstalled server whether it answers", () => {
  const RULE =
    "must be tcp:PORT or http:PORT/PATH, such as tcp:22 or http:8080/healthz, with a port from 1 to 65535";

  it("is off, and asks a port or a path for ten minutes", () => {
    expect(config().protocol.readyProbe).toBeUndefined();
    expect(config().protocol.readyTimeoutMs).toBe(600_000);
    expect(config({ READY_PROBE: "tcp:22" }).protocol.readyProbe).toEqual({
      kind: "tcp",
      port: 22,
    });
    expect(config({ READY_PROBE: "http:8080/healthz?deep=1" }).protocol.readyProbe).toEqual({
      kind: "http",
      port: 8080,
      path: "/healthz?deep=1",
    });
  });

  it.each([
    "ssh",
    "tcp",
    "tcp:0",
    "tcp:65536",
    "tcp:22/",
    "tcp:10.0.0.1:22",
    "http:0/healthz",
    "http:8080",
    "http:8080/a b",
    "http:8080/#part",
    "http:8080/\r\nHost: other",
    "https:8443/healthz",
    "http://10.0.0.1:8080/healthz",
    " tcp:22",
  ])("refuses %j", (wrong) => {
    expect(problems({ READY_PROBE: wrong })).toEqual([
      `READY_PROBE (protocol.readyProbe): ${RULE}`,
    ]);
  });

  it("gives a server time for one turn at least", () => {
    const short = { POLL_INTERVALS_MS: "5000,60000", READY_TIMEOUT_MS: "4999" };
    expect(problems({ ...short, READY_PROBE: "tcp:22" })).toEqual([
      "READY_TIMEOUT_MS (protocol.readyTimeoutMs): must be at least 5000, and is 4999: the shortest of POLL_INTERVALS_MS (5000), or a server has no time to answer READY_PROBE",
    ]);
    expect(problems(short)).toEqual([]);
  });
});

describe("a storm of asks", () => {
  it("is 20 servers in 5 minutes, and may be off", () => {
    expect(config().brakes).toMatchObject({ stormAsks: 20, stormAsksWindowMs: 300_000 });
    expect(config({ BRAKES_STORM_ASKS: "0" }).brakes.stormAsks).toBe(0);
    expect(problems({ BRAKES_STORM_ASKS: "-1", BRAKES_STORM_ASKS_WINDOW_MS: "0" })).toEqual([
      "BRAKES_STORM_ASKS (brakes.stormAsks): must be a whole number from 0 to 1000 (servers)",
      "BRAKES_STORM_ASKS_WINDOW_MS (brakes.stormAsksWindowMs): must be a whole number from 1000 to 86400000 (ms)",
    ]);
  });
});

describe("who may send", () => {
  const senders = (value: unknown) => ({ BRAKES_SENDERS: JSON.stringify(value) });

  it("is everybody, or named broker users with what each may ask for", () => {
    expect(config().brakes.senders).toEqual([]);
    const named = [
      { user: "healer", projects: [PROJECT], groups: ["web"], per_hour: 20 },
      { user: "ada" },
    ];
    expect(config(senders(named)).brakes.senders).toEqual(named);
    expect(config({ BRAKES_SENDERS: "[]" }).brakes.senders).toEqual([]);
  });

  it.each([
    ["text", "healer", "must be a JSON list"],
    ["a name alone", ["healer"], "must be an object"],
    ["no user", [{ per_hour: 1 }], "user"],
    ["an empty name", [{ user: "" }], "must be the name of a broker user"],
    ["a misspelt member", [{ user: "a", perHour: 1 }], "perHour"],
    ["no project", [{ user: "a", projects: [] }], "projects"],
    ["a project that is none", [{ user: "a", projects: ["x"] }], "projects"],
    ["a group that is none", [{ user: "a", groups: ["no group"] }], "groups"],
    ["a limit of 0", [{ user: "a", per_hour: 0 }], "from 1 to 10000"],
    ["a user twice", [{ user: "a" }, { user: "a", per_hour: 1 }], "must be named once"],
  ])("is refused as %s, naming the field", (_what, value, said) => {
    const found = problems(senders(value));
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("BRAKES_SENDERS");
    expect(found[0]).toContain(said);
  });
});

describe("the starts of a source", () => {
  it("are without limit, or so many an hour", () => {
    expect(config().brakes.perSourcePerHour).toBe(0);
    expect(config({ BRAKES_PER_SOURCE_PER_HOUR: "20" }).brakes.perSourcePerHour).toBe(20);
    expect(problems({ BRAKES_PER_SOURCE_PER_HOUR: "many" })).toEqual([
      "BRAKES_PER_SOURCE_PER_HOUR (brakes.perSourcePerHour): must be a whole number from 0 to 10000 (starts)",
    ]);
  });
});

it("an empty list is said as [], since an empty variable counts as not set", () => {
  expect(config({ BRAKES_OVERRIDABLE: "" }).brakes.overridable).toEqual(["windows"]);
  expect(config({ BRAKES_OVERRIDABLE: " [] " }).brakes.overridable).toEqual([]);
});

describe("approval", () => {
  it("is for nobody, for groups, or for all", () => {
    expect(config().brakes.approval).toEqual([]);
    expect(config({ BRAKES_APPROVAL: "all" }).brakes.approval).toEqual(["all"]);
    expect(config({ BRAKES_APPROVAL: "db, web" }).brakes.approval).toEqual(["db", "web"]);
  });

  it.each(["ALL", "All"])(
    "refuses %s for all groups: it would be one group of that name",
    (text) => {
      expect(problems({ BRAKES_APPROVAL: text })).toEqual([
        "BRAKES_APPROVAL (brakes.approval.0): must be written all where all groups are meant",
      ]);
    },
  );

  it.each(["two words", "a/b", "g".repeat(65), "db,größe"])("refuses %s as a group", (groups) => {
    const index = groups.split(",").length - 1;
    expect(problems({ BRAKES_APPROVAL: groups })).toEqual([
      `BRAKES_APPROVAL (brakes.approval.${index}): must be 1-64 characters of A-Z a-z 0-9 . _ -`,
    ]);
  });
});

describe("windows", () => {
  const window = { rule: "allow", days: "Mo-Fr", start: "08:00", end: "18:00", zone: "UTC" };
  const set = (...list: unknown[]) => problems({ BRAKES_WINDOWS: JSON.stringify(list) });
  const EXAMPLE =
    '[{"rule":"allow","days":"Mo-Fr","start":"08:00","end":"18:00","zone":"Europe/Paris"}]';

  it("are none, and are kept as they are written", () => {
    expect(config().brakes.windows).toEqual([]);
    const freeze = { rule: "deny", zone: "Europe/Paris", from: "2026-12-20", until: "2027-01-03" };
    const list = [window, freeze, { ...window, days: "Fr-Mo,We", start: "22:00", end: "06:00" }];
    expect(config({ BRAKES_WINDOWS: JSON.stringify(list) }).brakes.windows).toEqual(list);
    expect(config({ BRAKES_WINDOWS: " " }).brakes.windows).toEqual([]);
  });

  it.each([
    [{ ...window, rule: "permit" }, "0.rule): must be one of allow, deny"],
    [{ ...window, days: "Mon-Fri" }, "0.days): must be days like Mo-Fr or Sa,Su"],
    [{ ...window, days: "" }, "0.days): must be days like Mo-Fr or Sa,Su"],
    [{ ...window, start: "8:00" }, "0.start): must be a time from 00:00 to 23:59"],
    [{ ...window, start: "24:00" }, "0.start): must be a time from 00:00 to 23:59"],
    [{ ...window, end: "24:01" }, "0.end): must be a time from 00:00 to 24:00"],
    [{ ...window, end: "08:00" }, "0.end): must differ from start; a whole day is 00:00 to 24:00"],
    [{ ...window, zone: "Paris" }, "0.zone): must name a time zone, such as Europe/Paris"],
    [{ rule: "deny" }, "0.zone): is missing: must name a time zone, such as Europe/Paris"],
    [{ ...window, from: "2026-02-30" }, "0.from): must be a day like 2026-12-20"],
    [
      { ...window, from: "2026-12-20", until: "2026-12-19" },
      "0.until): must not be earlier than from",
    ],
    [{ ...window, day: "Mo" }, "0.day): is no setting"],
    ["Mo-Fr", `0): must be an object, as in ${EXAMPLE}`],
  ])("refuse %j and name what is wrong", (wrong, problem) => {
    expect(set(wrong)).toEqual([`BRAKES_WINDOWS (brakes.windows.${problem}`]);
  });

  it("name the window that cannot be read, with all other problems", () => {
    const list = JSON.stringify([window, { ...window, zone: "Mars/Olympus" }]);
    expect(problems({ BRAKES_WINDOWS: list, BRAKES_MAX_RUNNING: "0" })).toEqual([
      "BRAKES_MAX_RUNNING (brakes.maxRunning): must be a whole number from 1 to 1000 (reinstalls)",
      "BRAKES_WINDOWS (brakes.windows.1.zone): must name a time zone, such as Europe/Paris",
    ]);
  });

  it.each(["Mo-Fr 08:00-18:00", "{}", "[", "3"])("must be a JSON list: %s", (text) => {
    expect(problems({ BRAKES_WINDOWS: text })).toEqual([
      `BRAKES_WINDOWS (brakes.windows): must be a JSON list of at most 50 objects, such as ${EXAMPLE}`,
    ]);
  });

  it("that are closed for longer than a command may wait are worth a warning", () => {
    const warned = (list: unknown[], env = {}) =>
      configWarnings(
        config({ BRAKES_WINDOWS: JSON.stringify(list), ...env }),
        Date.parse("2026-11-27T12:00:00Z"),
      );
    expect(warned([window])).toEqual([
      {
        path: "brakes.windows",
        variable: "BRAKES_WINDOWS",
        message:
          "are closed for 62 h in a row, and a command without expires_at expires after 24 h (COMMAND_MAX_AGE_MS)",
      },
    ]);
    expect(warned([window], { COMMAND_MAX_AGE_MS: String(62 * 3_600_000) })).toEqual([]);
    expect(warned([{ rule: "deny", zone: "UTC" }])[0]?.message).toMatch(
      /^do not open within 35 days/,
    );
    expect(warned([])).toEqual([]);
  });
});

describe("a variable that nobody reads", () => {
  const warned = (env: Record<string, string>) =>
    configWarnings(config(env), 0).map(({ variable, message }) => `${variable} ${message}`);

  it.each([
    ["BRAKES_MAX_RUNING", "is not read: no setting has this variable"],
    ["BRAKES_COOLDOWN", "is not read: no setting has this variable"],
    ["brakes_paused", "is not read: must be written BRAKES_PAUSED"],
    ["BRAKES_MAXRUNNING", "is not read: must be written BRAKES_MAX_RUNNING"],
    ["Brakes-Senders", "is not read: must be written BRAKES_SENDERS"],
    ["BRAKES_STORM__ASKS", "is not read: must be written BRAKES_STORM_ASKS"],
    ["StopRunning", "is not read: must be written STOP_RUNNING"],
  ])("is named where it was hardly meant so: %s", (name, message) => {
    expect(warned({ [name]: "1" })).toEqual([`${name} ${message}`]);
    expect(warned({ [name]: " " })).toEqual([]);
    expect(JSON.stringify(maskedConfig(config({ [name]: "1" })))).not.toContain("misspelt");
  });

  it.each(["PATH", "REDIS_PORT", "AMQP_SERVICE_HOST", "HTTP_PROXY", "ECS_PROJECT_NAME"])(
    "is somebody else's otherwise: %s",
    (name) => {
      expect(warned({ [name]: "1" })).toEqual([]);
    },
  );
});

describe("defaults", () => {
  it("are those of the contract", () => {
    const { amqp, redis, cloud, protocol, http, shutdown, log } = config();
    expect(amqp.urls).toEqual(["amqp://127.0.0.1:5672"]);
    expect(redis.url).toBe("redis://127.0.0.1:6379");
    expect(cloud.ecsEndpoint).toBe("https://ecs.eu-west-0.prod-cloud-ocb.orange-business.com");
    expect(cloud.iamEndpoint).toBe("https://iam.eu-west-0.prod-cloud-ocb.orange-business.com");
    expect(cloud.region).toBe("eu-west-0");
    expect(protocol).toMatchObject({
      pollIntervalsMs: [2000, 5000, 10_000, 30_000, 60_000],
      pollLearned: true,
      pollList: true,
      jobDeadlineMs: 2_700_000,
      postFenceMs: 1_080_000,
      settleMs: 0,
      evidenceMinSamples: 3,
      stopRunning: "always",
      stopBy: "worker",
      userDataCheck: "strict",
      unsafeTestWindows: false,
    });
    expect(http.port).toBe(8080);
    expect(shutdown.graceMs).toBe(25_000);
    expect(log.level).toBe("info");
  });

  it("derive the rebuild hold from the ladder and the heartbeat", () => {
    expect(config().protocol.rebuildHoldMs).toBe(100_000);
    expect(
      config({ POLL_INTERVALS_MS: "1000", AMQP_HEARTBEAT_SECONDS: "20" }).protocol,
    ).toHaveProperty("rebuildHoldMs", 71_000);
  });

  it("are found by a process that was started anywhere, without a word of the library", () => {
    const cli = fileURLToPath(new URL("../../../src/cli/ecs-reinstall.ts", import.meta.url));
    const args = ["--import", import.meta.resolve("tsx"), cli, "config", "check"];
    const env = { ...ENOUGH, PATH: process.env["PATH"] };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, env });
    expect([status, stderr.toString()]).toEqual([0, ""]);
    expect(stdout.toString()).toContain("pollIntervalsMs:");
  });

  it("are frozen, all the way down", () => {
    const frozen = config();
    expect(Object.isFrozen(frozen.protocol.pollIntervalsMs)).toBe(true);
    expect(Object.isFrozen(frozen.cloud.credentials)).toBe(true);
  });
});

describe("environment", () => {
  it("becomes lists, numbers and booleans", () => {
    const { amqp, cloud, protocol, http } = config({
      AMQP_URL: "amqp://a:5672, amqps://b:5671",
      AMQP_DECLARE: "false",
      ECS_PROJECTS: `${PROJECT},${OTHER_PROJECT.toUpperCase()}`,
      POLL_INTERVALS_MS: "100, 200",
      HTTP_PORT: "0",
      ECS_PROXY: "yes",
    });
    expect(amqp.urls).toEqual(["amqp://a:5672", "amqps://b:5671"]);
    expect(amqp.declare).toBe(false);
    expect(cloud.projects).toEqual([PROJECT, OTHER_PROJECT]);
    expect(cloud.proxy).toBe(true);
    expect(protocol.pollIntervalsMs).toEqual([100, 200]);
    expect(http.port).toBe(0);
  });

  it("counts an empty or blank variable as unset", () => {
    expect(config({ PREFETCH: "", HTTP_PORT: "  " })).toMatchObject({
      amqp: { prefetch: 10 },
      http: { port: 8080 },
    });
  });

  it("wins over files, and files of NODE_CONFIG_DIR over the package's own", () => {
    mkdirSync(join(folder, "more"));
    file("more/default.yaml", "amqp: { prefetch: 3 }\nhttp: { port: 9000 }\n");
    file("more/staging.yaml", "log: { level: debug }\n");
    const { amqp, http, log } = config({
      NODE_CONFIG_DIR: join(folder, "more"),
      NODE_ENV: "staging",
      HTTP_PORT: "9001",
    });
    expect([amqp.prefetch, http.port, log.level]).toEqual([3, 9001, "debug"]);
  });

  it("runs no code that lies beside the files", () => {
    file("default.js", "throw new Error('run')");
    expect(config({ NODE_CONFIG_DIR: folder }).http.port).toBe(8080);
  });

  it("takes NODE_ENV=production without further settings", () => {
    expect(config({ NODE_ENV: "production" }).log.level).toBe("info");
  });
});

describe("problems", () => {
  it("come all at once, by variable name", () => {
    const found = problems({
      ECS_PROJECTS: "",
      ECS_SECRET_KEY: "",
      PREFETCH: "many",
      POLL_INTERVALS_MS: "50,50",
      SHUTDOWN_GRACE_MS: "20000",
      LOG_LEVEL: "loud",
      AMQP_DECLARE: "perhaps",
    });
    expect(found.map((line) => line.split(":")[0])).toEqual([
      "AMQP_DECLARE (amqp.declare)",
      "PREFETCH (amqp.prefetch)",
      "ECS_PROJECTS (cloud.projects)",
      "POLL_INTERVALS_MS (protocol.pollIntervalsMs)",
      "LOG_LEVEL (log.level)",
      "ECS_SECRET_KEY (cloud.credentials.secretKey)",
      "SHUTDOWN_GRACE_MS (shutdown.graceMs)",
    ]);
  });

  it("hold no value of a setting: it may be a secret in the wrong place", () => {
    const everywhere = Object.fromEntries(
      [
        "PREFETCH",
        "AMQP_URL",
        "REDIS_URL",
        "ECS_PROJECTS",
        "LOG_LEVEL",
        "ECS_ENDPOINT",
        "AMQP_DECLARE",
        "REDIS_SENTINEL_HOSTS",
        "AMQP_WORK_QUEUE",
      ].map((name) => [name, `amq.${SECRET}@/?`]),
    );
    const text = problems(everywhere).join("\n");
    expect(problems(everywhere)).toHaveLength(9);
    expect(text).not.toContain(SECRET);
  });

  it("name a setting of a file that does not exist", () => {
    file("default.yaml", "amqp: { prefetsch: 3 }\n");
    expect(problems({ NODE_CONFIG_DIR: folder })).toEqual(["null (amqp.prefetsch): is no setting"]);
  });

  it("name a section that is none, once", () => {
    file("default.yaml", "amqp: 3\n");
    expect(problems({ NODE_CONFIG_DIR: folder })).toEqual(["null (amqp): must be a section"]);
  });

  it("say that a file is no YAML, without a piece of it", () => {
    file("default.yaml", `redis: { password: ${SECRET}\n`);
    const [only = ""] = problems({ NODE_CONFIG_DIR: folder });
    expect(only).toContain("default.yaml");
    expect(only).not.toContain(SECRET);
  });

  it.each([
    ["POLL_INTERVALS_MS", "200,100", "must be 1 to 10 delays in ascending order, none twice"],
    ["POLL_INTERVALS_MS", "1,2,3", "must be a whole number from 10 to 3600000 (ms)"],
    ["POLL_INTERVALS_MS", "10,20,30,40,50,60,70,80,90,100,110", "must be 1 to 10 delays"],
    ["ECS_PROJECTS", `${PROJECT},${PROJECT}`, "must name each entry once"],
    ["ECS_PROJECTS", "abc", "must be 32 hex digits"],
    ["PREFETCH", "0", "must be a whole number from 1 to 1000 (messages)"],
    ["PREFETCH", "1.5", "must be a whole number"],
    ["ECS_ENDPOINT", "https://user@host", "without path, query or user"],
    ["ECS_ENDPOINT", "http://cloud.example", "must be https://"],
    ["AMQP_URL", "http://host", "must be amqp:// or amqps://"],
    ["REDIS_URL", "redis://host/first", "must be a redis://"],
    ["REDIS_CLUSTER_NODES", "host:99999", "must be host:port"],
    ["AMQP_WORK_QUEUE", "ecs.reinstall.commands", "must differ from amqp.names.commandsQueue"],
    [
      "AMQP_DEAD_QUEUE",
      "ecs.reinstall.work.waiting",
      "must differ from ecs.reinstall.work.waiting",
    ],
    ["ECS_CA_FILE", "/nowhere/ca.pem", "cannot be read (ENOENT)"],
    ["AMQP_URL_FILE", "/nowhere/url", "cannot be read (ENOENT)"],
    ["REDIS_SENTINEL_HOSTS", "a:26379", "is missing"],
    ["AMQP_TLS_SERVERNAME", "broker", "is set, but amqp.urls has no amqps:// URL"],
    ["REDIS_TLS_SERVERNAME", "redis", "is set, but redis.url has no rediss:// URL"],
    ["ECS_CA_FILE", "/dev/null", "is an empty file"],
  ])("say the rule that %s=%s breaks", (name, value, message) => {
    const found = problems({ [name]: value });
    expect(found[0]).toContain(message);
  });

  it("exit text counts them and names each", () => {
    const loaded = loadConfig({ ...ENOUGH, PREFETCH: "0" }, HEAP_BYTES);
    expect(loaded.kind === "invalid" && formatProblems(loaded.problems)).toBe(
      "The configuration is wrong (1 problem):\n" +
        "  PREFETCH (amqp.prefetch): must be a whole number from 1 to 1000 (messages)",
    );
  });
});

describe("cloud credentials", () => {
  it("from files are given as a set, however they are replaced", () => {
    const names = ["ECS_ACCESS_KEY", "ECS_SECRET_KEY", "ECS_SECURITY_TOKEN"] as const;
    const paths = names.map((name) => file(name, `${name}-1`));
    const [ak = "", sk = "", token = ""] = paths;
    const { credentials } = config({
      ECS_ACCESS_KEY: "",
      ECS_SECRET_KEY: "",
      ECS_ACCESS_KEY_FILE: ak,
      ECS_SECRET_KEY_FILE: sk,
      ECS_SECURITY_TOKEN_FILE: token,
    }).cloud;
    if (credentials.kind !== "ak-sk") throw new Error(credentials.kind);
    const read = () => [
      credentials.accessKey(),
      credentials.secretKey(),
      credentials.securityToken?.(),
    ];
    writeFileSync(ak, "ak-2");
    writeFileSync(sk, "sk-2");
    expect(read()).toEqual(names.map((name) => `${name}-1`));
    writeFileSync(token, "token-2");
    expect(read()).toEqual(["ak-2", "sk-2", "token-2"]);
  });

  it("are an access key, with or without a security token", () => {
    const { credentials } = config({ ECS_SECURITY_TOKEN: "token" }).cloud;
    expect(credentials.kind === "ak-sk" && credentials.secretKey()).toBe(SECRET);
    expect(credentials.kind === "ak-sk" && credentials.securityToken?.()).toBe("token");
  });

  it("are an IAM user", () => {
    const { credentials } = config({
      ECS_ACCESS_KEY: "",
      ECS_SECRET_KEY: "",
      IAM_USERNAME: "user",
      IAM_PASSWORD_FILE: file("password", `${SECRET}\n`),
      IAM_DOMAIN: "OCB0000001",
    }).cloud;
    expect(credentials.kind === "iam-user" && credentials.password()).toBe(SECRET);
  });

  it("are missing as a whole or in part, and the text says which", () => {
    const none = { ECS_ACCESS_KEY: "", ECS_SECRET_KEY: "" };
    expect(problems(none)).toEqual([
      expect.stringMatching(/^ECS_ACCESS_KEY .*ECS_ACCESS_KEY_FILE.*or IAM_USERNAME/),
      expect.stringMatching(/^ECS_SECRET_KEY /),
    ]);
    expect(problems({ ...none, IAM_USERNAME: "user" }).join("\n")).toMatch(
      /^IAM_PASSWORD .*is missing.*\nIAM_DOMAIN .*is missing/,
    );
    expect(problems({ ...none, ECS_SECURITY_TOKEN: "t" })).toHaveLength(2);
  });

  it("are not taken twice", () => {
    expect(problems({ IAM_USERNAME: "user" })).toEqual([expect.stringContaining("excludes")]);
    expect(problems({ ECS_SECRET_KEY_FILE: file("sk", "x") })).toEqual([
      expect.stringContaining("is given twice"),
    ]);
  });

  it.each([
    ["a blank that was copied along", " AK", true],
    ["a blank within", "A K", false],
    ["a character that no header holds", "AK\u200b", true],
    ["a letter that is no ASCII", "AKé", true],
    ["a tab", "AK\t", true],
    ["a comma", "AK,Signature=x", false],
  ])("are no key with %s", (_what, value, orASecret) => {
    const inHeader = "must be printable ASCII without blanks and commas";
    const ofSecret = "must be printable ASCII that neither begins nor ends with a blank";
    for (const [name, variable, rule] of [
      ["accessKey", "ECS_ACCESS_KEY", inHeader],
      ["securityToken", "ECS_SECURITY_TOKEN", inHeader],
      ...(orASecret ? [["secretKey", "ECS_SECRET_KEY", ofSecret] as const] : []),
    ] as const) {
      const path = `cloud.credentials.${name}`;
      expect(problems({ [variable]: value })).toEqual([`${variable} (${path}): ${rule}`]);
      expect(problems({ [variable]: "", [`${variable}_FILE`]: file("key", value) })).toEqual([
        `${variable}_FILE (${path}File): ${rule}`,
      ]);
    }
    const user = { ECS_ACCESS_KEY: "", ECS_SECRET_KEY: "", IAM_USERNAME: "u", IAM_DOMAIN: "d" };
    expect(problems({ ...user, IAM_PASSWORD: value })).toEqual([]);
  });

  it("keep a key whose file gets what can be none, until it gets another one", () => {
    const path = file("ak", "\uFEFFAK1\n");
    const { credentials } = config({ ECS_ACCESS_KEY: "", ECS_ACCESS_KEY_FILE: path }).cloud;
    const key = () => (credentials.kind === "ak-sk" ? credentials.accessKey() : null);
    expect(key()).toBe("AK1");
    writeFileSync(path, "AK 2\u200b");
    expect(key()).toBe("AK1");
    writeFileSync(path, "AK3");
    expect(key()).toBe("AK3");
  });

  it("are refused when their file is away or empty", () => {
    const missing = { ECS_SECRET_KEY: "", ECS_SECRET_KEY_FILE: join(folder, "away") };
    expect(problems(missing)).toEqual([
      "ECS_SECRET_KEY_FILE (cloud.credentials.secretKeyFile): cannot be read (ENOENT)",
    ]);
    expect(problems({ ...missing, ECS_SECRET_KEY_FILE: file("sk", "\n") })).toEqual([
      "ECS_SECRET_KEY_FILE (cloud.credentials.secretKeyFile): is an empty file",
    ]);
  });
});

describe("redis", () => {
  it("keeps user and password beside the URL, wherever they came from", () => {
    const { redis } = config({ REDIS_URL: "rediss://me:p%40ss@host:1/2" });
    expect(redis).toMatchObject({
      url: "rediss://host:1/2",
      tls: {},
    });
    expect(redis.username?.()).toBe("me");
    expect(redis.password?.()).toBe("p@ss");
    expect(config().redis).not.toHaveProperty("tls");
    expect(config({ REDIS_PASSWORD: SECRET }).redis.password?.()).toBe(SECRET);
  });

  it("takes its password once", () => {
    expect(problems({ REDIS_URL: "redis://:a@host", REDIS_PASSWORD: "b" })).toEqual([
      expect.stringContaining("is given twice"),
    ]);
  });

  it("is reached through Sentinel or Cluster, not both", () => {
    const sentinel = { REDIS_SENTINEL_HOSTS: "a,[::1]:2", REDIS_SENTINEL_NAME: "ecs" };
    expect(config(sentinel).redis).toMatchObject({
      sentinel: {
        name: "ecs",
        hosts: [
          { host: "a", port: 26_379 },
          { host: "::1", port: 2 },
        ],
      },
    });
    expect(config({ REDIS_CLUSTER_NODES: "a:7000" }).redis).toMatchObject({
      cluster: { nodes: [{ host: "a", port: 7000 }] },
    });
    expect(problems({ ...sentinel, REDIS_CLUSTER_NODES: "a:7000" })).toEqual([
      expect.stringContaining("excludes REDIS_SENTINEL_HOSTS"),
    ]);
  });
});

describe("redis over TLS", () => {
  const sentinel = { REDIS_SENTINEL_HOSTS: "s1,s2", REDIS_SENTINEL_NAME: "ecs" };

  it("has for its Sentinels what is theirs, and the rest as for the server", async () => {
    const [servers, sentinels] = await Promise.all([makeCertificates(), makeCertificates()]);
    const { redis } = config({
      ...sentinel,
      REDIS_URL: "rediss://unused/3",
      REDIS_TLS_CA_FILE: servers.client.caFile,
      REDIS_TLS_CERT_FILE: servers.client.certFile,
      REDIS_TLS_KEY_FILE: servers.client.keyFile,
      REDIS_TLS_SERVERNAME: "redis.internal",
      REDIS_SENTINEL_TLS_CA_FILE: sentinels.client.caFile,
      REDIS_SENTINEL_USERNAME_FILE: file("user", "watcher\n"),
      REDIS_SENTINEL_PASSWORD: SECRET,
    });
    expect(redis.sentinel?.tls?.caPem?.()).not.toBe(redis.tls?.caPem?.());
    expect(redis.sentinel?.tls?.certPem?.()).toBe(redis.tls?.certPem?.());
    expect(redis.sentinel?.tls?.keyPem?.()).toBe(redis.tls?.keyPem?.());
    expect(redis.tls?.servername).toBe("redis.internal");
    expect(redis.sentinel?.tls).not.toHaveProperty("servername");
    expect(redis.sentinel?.username?.()).toBe("watcher");
    await Promise.all([servers.remove(), sentinels.remove()]);
  });

  it.each([
    ["s1,s2", {}, undefined],
    ["s1,s2", { REDIS_SENTINEL_TLS_SERVERNAME: "own" }, "own"],
    ["10.0.0.1,[::1]:2", {}, "redis.internal"],
    ["10.0.0.1,[::1]:2", { REDIS_SENTINEL_TLS_SERVERNAME: "own" }, "own"],
    ["10.0.0.1,s2", {}, undefined],
  ])("expects of the Sentinels %s with %j the name %s", (hosts, more, name) => {
    const { redis } = config({
      ...sentinel,
      REDIS_SENTINEL_HOSTS: hosts,
      REDIS_URL: "rediss://unused",
      REDIS_TLS_SERVERNAME: "redis.internal",
      ...more,
    });
    expect(redis.sentinel?.tls?.servername).toBe(name);
  });

  it("is not half there: what would not be used, or cannot be, ends the start", async () => {
    const [ours, others] = await Promise.all([makeCertificates(), makeCertificates()]);
    const said = (env: Record<string, string>) => problems({ REDIS_URL: "rediss://h", ...env });
    expect(
      problems({ ...sentinel, REDIS_SENTINEL_TLS_CA_FILE: ours.client.caFile }).join(),
    ).toContain("REDIS_SENTINEL_TLS_CA_FILE (redis.sentinel.tls.caFile): is set, but redis.url");
    expect(
      said({
        REDIS_TLS_CERT_FILE: ours.client.certFile,
        REDIS_TLS_KEY_FILE: others.client.keyFile,
      }),
    ).toEqual([expect.stringContaining("REDIS_TLS_KEY_FILE (redis.tls.keyFile): does not belong")]);
    expect(said({ REDIS_TLS_CA_FILE: file("ca", "-----BEGIN CERTIFICATE-----\nA\n") })).toEqual([
      expect.stringContaining("holds no certificate that can be read"),
    ]);
    await Promise.all([ours.remove(), others.remove()]);
  });
});

describe("a Redis URL that is no URL", () => {
  it.each([
    ["a # in the password", "redis://me:pa#ss@host", "REDIS_USERNAME and REDIS_PASSWORD"],
    ["a # after digits", "redis://me:12#3@host", "REDIS_USERNAME and REDIS_PASSWORD"],
    ["a / in the password", "redis://:pa/ss@host/1", "REDIS_USERNAME and REDIS_PASSWORD"],
    ["a / after digits", "redis://me:1/2@host", "REDIS_USERNAME and REDIS_PASSWORD"],
    ["a ? in the password", "rediss://:pa?ss@host", "REDIS_USERNAME and REDIS_PASSWORD"],
    ["several hosts", "redis://:pw@a:1,b:2", "it takes one host"],
    ["several URLs", "redis://a:1,redis://b:2", "it takes one host"],
    ["options of a library", "redis://host?db=3", "a database number at most"],
  ])("is told what to do: %s", (_name, url, advice) => {
    const said = problems({ REDIS_URL: url });
    expect(said).toEqual([expect.stringContaining(advice)]);
    expect(said.join()).not.toMatch(/pa.ss|12#3/);
  });

  it("a comma in a password is nothing but a character", () => {
    expect(config({ REDIS_URL: "redis://:a,b@host" }).redis.password?.()).toBe("a,b");
    expect(config({ REDIS_PASSWORD: "a#b/c,d%41" }).redis.password?.()).toBe("a#b/c,d%41");
  });

  it("names no database that a Cluster has not", () => {
    const cluster = { REDIS_CLUSTER_NODES: "a:7000" };
    expect(problems({ ...cluster, REDIS_URL: "redis://a/0" })).toEqual([]);
    expect(problems({ ...cluster, REDIS_URL: "redis://a/3" })).toEqual([
      expect.stringContaining("REDIS_URL (redis.url): must name no database but 0"),
    ]);
  });
});

describe("TLS files", () => {
  it("are read, and again when they change", () => {
    const pem = (text: string) => `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----`;
    const ca = file("ca.pem", `${pem("A")}\n`);
    const { amqp, cloud } = config({
      AMQP_URL: "amqps://broker",
      AMQP_TLS_CA_FILE: ca,
      ECS_CA_FILE: ca,
    });
    expect(amqp.tls.caFile).toBe(ca);
    expect(cloud.caPem?.()).toBe(pem("A"));
    file("ca.pem", `${pem("BB")}\n`);
    expect(amqp.tls.caPem?.()).toBe(pem("BB"));
  });

  it("go together, and are PEM", () => {
    const cert = file("cert.pem", "no certificate");
    expect(problems({ AMQP_URL: "amqps://broker", AMQP_TLS_CERT_FILE: cert })).toEqual([
      "AMQP_TLS_KEY_FILE (amqp.tls.keyFile): is missing: a client certificate and its private key go together",
      "AMQP_TLS_CERT_FILE (amqp.tls.certFile): is no PEM file",
    ]);
  });
});

describe("secrets", () => {
  it("are all known to the logger, names of users and certificates are not", () => {
    const ca = file("ca.pem", "-----BEGIN CERTIFICATE-----");
    const secrets = secretsOf(
      config({
        AMQP_URL: "amqps://me:p%40ss@broker",
        AMQP_TLS_CA_FILE: ca,
        AMQP_TLS_PASSPHRASE: "phrase",
        REDIS_URL: "redis://me:redis-pass@host",
        ECS_CA_FILE: ca,
      }),
    );
    expect(secrets.map((secret) => secret()).sort()).toEqual(
      ["AK", SECRET, "p%40ss", "p@ss", "phrase", "redis-pass"].sort(),
    );
  });

  it("are masked in what is printed, inside URLs too", () => {
    const text = JSON.stringify(
      maskedConfig(
        config({
          AMQP_URL_FILE: file("url", `amqps://me:${SECRET}@broker:5671/vhost\n`),
          REDIS_URL: `redis://:${SECRET}@host`,
          AMQP_TLS_PASSPHRASE: SECRET,
          REDIS_SENTINEL_HOSTS: "a:1",
          REDIS_SENTINEL_NAME: "ecs",
          REDIS_SENTINEL_PASSWORD: SECRET,
        }),
      ),
    );
    expect(text).toContain("amqps://me:***@broker:5671/vhost");
    expect(text).not.toContain(SECRET);
  });
});
