// Writes test/chart/kubernetes-fields.txt: each field of the kinds that the chart renders, in three minors of Kubernetes. From the sample
// objects of a checkout of the k8s.io/api repository, in which every field has a value:
//   node scripts/kubernetes-fields.mjs CHECKOUT 1.35=testdata/v1.35.0 1.36=testdata/v1.36.0 1.37=testdata/HEAD
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const KINDS = {
  "v1 ConfigMap": "core.v1.ConfigMap",
  "v1 Pod": "core.v1.Pod",
  "v1 Secret": "core.v1.Secret",
  "v1 Service": "core.v1.Service",
  "v1 ServiceAccount": "core.v1.ServiceAccount",
  "apps/v1 Deployment": "apps.v1.Deployment",
  "apps/v1 StatefulSet": "apps.v1.StatefulSet",
  "networking.k8s.io/v1 NetworkPolicy": "networking.k8s.io.v1.NetworkPolicy",
  "policy/v1 PodDisruptionBudget": "policy.v1.PodDisruptionBudget",
};
/** Written by the cluster, never by a chart. */
const CLUSTER_ONLY = /^(status|metadata\.managedFields)(\.|\[|$)/;
const NUMBER_OR_NAME =
  /(^|\.)(httpGet\.port|tcpSocket\.port|targetPort|maxSurge|maxUnavailable|minAvailable)$|(ingress|egress)\[\]\.ports\[\]\.port$/;

const [checkout, ...folders] = process.argv.slice(2);
const minors = folders.map((argument) => argument.split("="));
if (checkout === undefined || minors.length !== 3 || minors.some((pair) => pair.length !== 2)) {
  console.error("usage: kubernetes-fields.mjs CHECKOUT MINOR=FOLDER MINOR=FOLDER MINOR=FOLDER");
  process.exit(2);
}

const lines = [
  `# Made by scripts/kubernetes-fields.mjs. A kind, then its fields: path, type, and the minors that have it where not all do.`,
  `minors ${minors.map(([minor]) => minor).join(" ")}`,
];
for (const [kind, file] of Object.entries(KINDS)) {
  const known = new Map();
  for (const [minor, folder] of minors) {
    const sample = JSON.parse(readFileSync(join(checkout, folder, `${file}.json`), "utf8"));
    for (const [path, type] of fieldsOf(sample, "", "")) {
      const field = `${path} ${type}`;
      known.set(field, [...(known.get(field) ?? []), minor]);
    }
  }
  lines.push("", kind);
  for (const [field, having] of [...known].sort(([one], [other]) => (one < other ? -1 : 1))) {
    lines.push(`  ${[field, ...(having.length === minors.length ? [] : having)].join(" ")}`);
  }
}
writeFileSync(
  new URL("../test/chart/kubernetes-fields.txt", import.meta.url),
  `${lines.join("\n")}\n`,
);

/** Path and type of every field; a list adds `[]` to a path, a map `.*`. */
function* fieldsOf(value, path, name) {
  if (CLUSTER_ONLY.test(path)) return;
  if (Array.isArray(value)) {
    yield* fieldsOf(value[0], `${path}[]`, name);
  } else if (value !== null && typeof value === "object") {
    const keys = Object.keys(value);
    if (keys.length === 0) yield [path, "any"];
    const isMap = keys.length === 1 && keys[0] === `${name}Key`;
    for (const key of keys) {
      const below = isMap ? "*" : key;
      yield* fieldsOf(value[key], path === "" ? below : `${path}.${below}`, isMap ? "" : key);
    }
  } else {
    yield [path, typeOf(value, path)];
  }
}

function typeOf(value, path) {
  if (value === null) return "any";
  if (NUMBER_OR_NAME.test(path)) return "number-or-name";
  // A quantity: 500m, 1Gi, or a plain number.
  return value === "0" ? "quantity" : typeof value;
}
