import { z } from "zod";
import { OVERRIDABLE_BRAKES } from "../contract/brakes.ts";
import { Group } from "../contract/command.ts";
import { ProjectId, ServerId } from "../contract/ids.ts";
import { brokerHost, brokerUrls } from "./broker-url.ts";
import {
  address,
  amqpName,
  baseUrl,
  bool,
  endpoint,
  filePath,
  fraction,
  list,
  oneOf,
  redisUrl,
  secret,
  text,
  uniqueList,
  whole,
} from "./fields.ts";
import { readyProbe } from "./ready-probe.ts";
import { senderList } from "./sender-fields.ts";
import { windowList } from "./window-fields.ts";

/*
 * One room a section. What has a default finds it in config/default.yaml; `exactOptional` marks what may
 * be missing. The meaning of each setting is the comment above it in that file.
 */

const Amqp = z.strictObject({
  urls: brokerUrls().exactOptional(),
  urlsFile: filePath().exactOptional(),
  host: uniqueList(brokerHost(), { min: 1, max: 16 }).exactOptional(),
  hostFile: filePath().exactOptional(),
  port: whole("", 1, 65_535).exactOptional(),
  portFile: filePath().exactOptional(),
  vhost: text().exactOptional(),
  vhostFile: filePath().exactOptional(),
  scheme: oneOf(["amqp", "amqps"]).exactOptional(),
  username: text().exactOptional(),
  usernameFile: filePath().exactOptional(),
  password: secret().exactOptional(),
  passwordFile: filePath().exactOptional(),
  tls: z.strictObject({
    caFile: filePath().exactOptional(),
    certFile: filePath().exactOptional(),
    keyFile: filePath().exactOptional(),
    passphrase: secret().exactOptional(),
    passphraseFile: filePath().exactOptional(),
    servername: text().exactOptional(),
  }),
  declare: bool(),
  names: z.strictObject({
    commandsExchange: amqpName(),
    commandsQueue: amqpName(),
    eventsExchange: amqpName(),
    deadQueue: amqpName(),
    workQueue: amqpName(),
    workDeadQueue: amqpName(),
    delayPrefix: amqpName(),
  }),
  prefetch: whole("messages", 1, 1000),
  heartbeatSeconds: whole("s", 1, 60),
  connectTimeoutMs: whole("ms", 100, 120_000),
  rpcTimeoutMs: whole("ms", 100, 120_000),
  confirmTimeoutMs: whole("ms", 100, 120_000),
  maxPendingConfirms: whole("publishes", 1, 10_000),
  probeIntervalMs: whole("ms", 10, 600_000),
  policyCheckMs: whole("ms", 10, 600_000),
  management: z.strictObject({
    url: baseUrl().exactOptional(),
    username: text().exactOptional(),
    usernameFile: filePath().exactOptional(),
    password: secret().exactOptional(),
    passwordFile: filePath().exactOptional(),
  }),
  reconnect: z.strictObject({
    initialMs: whole("ms", 10, 60_000),
    maxMs: whole("ms", 10, 300_000),
  }),
});

const Redis = z.strictObject({
  url: redisUrl(),
  username: text().exactOptional(),
  usernameFile: filePath().exactOptional(),
  password: secret().exactOptional(),
  passwordFile: filePath().exactOptional(),
  tls: redisTls(),
  sentinel: z.strictObject({
    hosts: uniqueList(address(26_379), { min: 0, max: 16 }),
    name: text().exactOptional(),
    username: text().exactOptional(),
    usernameFile: filePath().exactOptional(),
    password: secret().exactOptional(),
    passwordFile: filePath().exactOptional(),
    tls: redisTls(),
  }),
  cluster: z.strictObject({
    nodes: uniqueList(address(6379), { min: 0, max: 64 }),
  }),
  behindProxy: bool(),
  commandTimeoutMs: whole("ms", 50, 60_000),
  connectTimeoutMs: whole("ms", 50, 60_000),
  durability: oneOf(["warn", "strict"]),
  waitReplicas: whole("replicas", 0, 16),
  waitTimeoutMs: whole("ms", 10, 60_000),
});

const Cloud = z.strictObject({
  ecsEndpoint: endpoint(),
  iamEndpoint: endpoint(),
  imsEndpoint: endpoint().exactOptional(),
  evsEndpoint: endpoint().exactOptional(),
  region: text(/^[A-Za-z0-9_-]{1,64}$/, "must be 1-64 characters of A-Z a-z 0-9 _ -"),
  projects: uniqueList(
    ProjectId.meta({ accepts: "32 hex digits" }),
    { min: 1, max: 1000 },
    "must name at least one project: the first is the default of commands that name none",
  ),
  credentials: z.strictObject({
    accessKey: secret().exactOptional(),
    accessKeyFile: filePath().exactOptional(),
    secretKey: secret().exactOptional(),
    secretKeyFile: filePath().exactOptional(),
    securityToken: secret().exactOptional(),
    securityTokenFile: filePath().exactOptional(),
    username: text().exactOptional(),
    usernameFile: filePath().exactOptional(),
    password: secret().exactOptional(),
    passwordFile: filePath().exactOptional(),
    domain: text().exactOptional(),
    domainFile: filePath().exactOptional(),
  }),
  caFile: filePath().exactOptional(),
  proxy: bool(),
  timeouts: z.strictObject({
    connectMs: whole("ms", 50, 120_000),
    headersMs: whole("ms", 50, 120_000),
    bodyMs: whole("ms", 50, 120_000),
    postMs: whole("ms", 50, 120_000),
  }),
  maxAnswerBytes: whole("bytes", 1024, 16_777_216),
  reinstallApi: oneOf(["v2", "v1"]),
  breaker: z.strictObject({
    failures: whole("failures", 1, 100),
    openMs: whole("ms", 10, 3_600_000),
    authFailures: whole("failures", 1, 5),
    authOpenMs: whole("ms", 10, 3_600_000),
  }),
  poolConnections: whole("connections", 1, 256),
  budget: z.strictObject({
    requestsPerSecond: whole("requests per second", 1, 10_000),
    burst: whole("requests", 1, 10_000),
    leastPerMinute: whole("requests per minute", 6, 600_000),
  }),
  maxRetryAfterMs: whole("ms", 10, 3_600_000),
});

const LADDER_RULE = "must be 1 to 10 delays in ascending order, none twice";

const Protocol = z.strictObject({
  pollIntervalsMs: list(whole("ms", 10, 3_600_000), { min: 1, max: 10 }, LADDER_RULE).refine(
    (steps) => steps.every((step, index) => index === 0 || step > (steps[index - 1] ?? 0)),
    LADDER_RULE,
  ),
  pollLearned: bool(),
  pollList: bool(),
  jobDeadlineMs: whole("ms", 1000, 604_800_000),
  postFenceMs: whole("ms", 1000, 86_400_000),
  rebuildHoldMs: whole("ms", 10, 86_400_000).exactOptional(),
  settleMs: whole("ms", 0, 3_600_000),
  readyProbe: readyProbe().exactOptional(),
  readyTimeoutMs: whole("ms", 10, 3_600_000),
  evidenceMinSamples: whole("reinstalls", 1, 1_000_000),
  signatureWindowMs: whole("ms", 1000, 86_400_000),
  maxClockOffsetMs: whole("ms", 100, 600_000),
  signatureMaxAgeMs: whole("ms", 100, 600_000),
  commandMaxAgeMs: whole("ms", 1000, 2_592_000_000),
  unresolvedWatchMs: whole("ms", 0, 31_536_000_000),
  maxSubmissions: whole("submissions", 1, 100),
  softStopMs: whole("ms", 10, 3_600_000),
  stopDeadlineMs: whole("ms", 10, 86_400_000),
  stopRunning: oneOf(["always", "when-asked"]),
  stopBy: oneOf(["worker", "cloud"]),
  powerAfter: oneOf(["as-found", "on", "untouched"]),
  startDeadlineMs: whole("ms", 10, 86_400_000),
  stoppedWaitMs: whole("ms", 10, 86_400_000),
  userDataCheck: oneOf(["strict", "lax"]),
  dedupTtlMs: whole("ms", 1000, 31_536_000_000),
  sweepIntervalMs: whole("ms", 50, 3_600_000),
  sweepAfterMs: whole("ms", 50, 3_600_000),
  unsafeTestWindows: bool(),
});

const Brakes = z.strictObject({
  paused: bool(),
  protected: uniqueList(ServerId.meta({ accepts: "UUID" }), { min: 0, max: 1000 }),
  allow: oneOf(["any", "marked"]),
  cooldownMs: whole("ms", 0, 2_592_000_000),
  serverLimit: whole("reinstalls", 0, 20),
  serverWindowMs: whole("ms", 1000, 2_592_000_000),
  stormSame: whole("failures", 0, 20),
  stormShare: fraction(),
  stormCooldownMs: whole("ms", 1000, 7_200_000),
  stormAsks: whole("servers", 0, 1_000),
  stormAsksWindowMs: whole("ms", 1000, 86_400_000),
  perSourcePerHour: whole("starts", 0, 10_000),
  maxRunning: whole("reinstalls", 1, 1_000),
  maxRunningPerGroup: whole("reinstalls", 0, 1_000),
  approval: uniqueList(
    // A group of that name would leave every other one without its approval.
    Group.refine((group) => group === "all" || group.toLowerCase() !== "all", {
      error: "must be written all where all groups are meant",
    }).meta({ accepts: "`all`, or a group" }),
    { min: 0, max: 1000 },
    "must be `all`, or groups of 1-64 characters of A-Z a-z 0-9 . _ -, separated by commas",
  ),
  windows: windowList(),
  senders: senderList(),
  overridable: uniqueList(oneOf(OVERRIDABLE_BRAKES), { min: 0, max: OVERRIDABLE_BRAKES.length }),
});

/** Everything that can be set, as files and environment say it. Strings of the environment become numbers, lists and booleans here. */
export const Settings = z.strictObject({
  amqp: Amqp,
  redis: Redis,
  cloud: Cloud,
  protocol: Protocol,
  brakes: Brakes,
  metrics: z.strictObject({
    sources: uniqueList(text(/^[^\r\n,]{1,200}$/, "must be 1-200 characters without a comma"), {
      min: 0,
      max: 20,
    }),
  }),
  http: z.strictObject({
    port: whole("", 0, 65_535),
    host: text(),
    api: oneOf(["open", "token", "off"]),
    apiTokensFile: text().exactOptional(),
    metricsPort: whole("", 0, 65_535).exactOptional(),
  }),
  shutdown: z.strictObject({ graceMs: whole("ms", 100, 600_000) }),
  log: z.strictObject({
    level: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]),
  }),
  tracing: z.strictObject({
    endpoint: baseUrl().exactOptional(),
    headers: secret().exactOptional(),
    serviceName: text(),
    resourceAttributes: text().exactOptional(),
    sampleRatio: fraction(),
  }),
});
/** The settings as the schema gives them: checked one by one, files not looked at. */
export type Settings = z.infer<typeof Settings>;

function redisTls() {
  return z.strictObject({
    caFile: filePath().exactOptional(),
    certFile: filePath().exactOptional(),
    keyFile: filePath().exactOptional(),
    servername: text().exactOptional(),
  });
}
