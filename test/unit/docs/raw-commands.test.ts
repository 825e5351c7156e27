import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ownFolder } from "../../../src/config/sources.ts";

const ROOT = join(ownFolder(), "..");

/** Programs of Redis and RabbitMQ that do by hand what a verb of the command line does with its checks and its audit entry. */
const RAW = /\b(?:redis-cli|rabbitmqctl|rabbitmqadmin)\b(?: --eval| eval)?(?: '?[a-z_]{3,})?/g;

/** What no verb does: page, command, why. A page that needs another one needs a verb, or a row here. */
const ALLOWED: readonly (readonly [page: string, command: string, why: string])[] = [
  ["README.md", "redis-cli --eval", "stands for another service's client of Redis"],
  ["README.md", "redis-cli", "says so"],
  ["config/rabbitmq-permissions.example", "rabbitmqctl add_user", "users of the broker"],
  ["config/rabbitmq-permissions.example", "rabbitmqctl set_permissions", "rights of the broker"],
  [
    "config/rabbitmq-permissions.example",
    "rabbitmqctl set_topic_permissions",
    "rights of the broker",
  ],
  ["docs/key-rotation.md", "rabbitmqctl change_password", "users of the broker"],
  ["docs/key-rotation.md", "rabbitmqctl delete_user", "users of the broker"],
  ["docs/operations.md", "rabbitmqctl set_policy", "policies of the broker"],
  ["docs/operations.md", "rabbitmqctl delete_queue", "a queue that is no longer declared"],
  ["docs/runbooks/README.md", "rabbitmqctl", "says for what it is left"],
  [
    "docs/runbooks/EcsReinstallPublishFailing.md",
    "rabbitmqctl list_queues",
    "queues of listeners: the worker has no right on them",
  ],
  [
    "docs/runbooks/EcsReinstallDelayQueueStuck.md",
    "rabbitmqctl eval 'rabbit_quorum_queue",
    "another leader for a queue that stands still",
  ],
];

const PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "docs", "helm", "config", "examples"]
  .flatMap((place) => filesIn(place))
  .filter((file) => /\.(?:md|ya?ml|json|example|sh|txt|tpl)$/.test(file));

describe("pages for people", () => {
  it("are all looked at", () => {
    expect(PAGES.length).toBeGreaterThan(80);
    expect(PAGES).toEqual(expect.arrayContaining(ALLOWED.map(([page]) => page)));
  });

  it("name raw commands of Redis and RabbitMQ only where no verb of ours does it", () => {
    const found = PAGES.flatMap((page) =>
      [...readFileSync(join(ROOT, page), "utf8").matchAll(RAW)].map(([raw]) => `${page}: ${raw}`),
    );
    const allowed = ALLOWED.map(([page, command]) => `${page}: ${command}`);
    expect([...new Set(found)].toSorted()).toEqual(allowed.toSorted());
  });

  it("have a reason for each", () => {
    expect(ALLOWED.filter(([, , why]) => why.trim() === "")).toEqual([]);
  });
});

function filesIn(place: string): readonly string[] {
  if (statSync(join(ROOT, place)).isFile()) return [place];
  return readdirSync(join(ROOT, place), { recursive: true, encoding: "utf8" })
    .map((file) => join(place, file))
    .filter((file) => statSync(join(ROOT, file)).isFile());
}
