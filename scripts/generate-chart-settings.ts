// Writes into helm/ecs-reinstall-worker/values.schema.json which settings the values `config` and `brakes` take:
// `npx tsx scripts/generate-chart-settings.ts`. A test of the chart compares.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { readYaml } from "../src/config/files.ts";

const SCHEMA = fileURLToPath(
  new URL("../helm/ecs-reinstall-worker/values.schema.json", import.meta.url),
);
const VARIABLES = fileURLToPath(
  new URL("../config/custom-environment-variables.yaml", import.meta.url),
);

/** Files and settings that have a value of their own in the chart, and secrets. */
const SET_BY_THE_CHART =
  /^(HTTP_PORT|METRICS_PORT|OTEL_EXPORTER_OTLP_(ENDPOINT|HEADERS)|REDIS_URL|ECS_(REGION|PROJECTS|ENDPOINT|CA_FILE)|IAM_ENDPOINT|AMQP_SCHEME|AMQP_MANAGEMENT_\w+|AMQP_(URL|HOST|PORT|VHOST|USERNAME|PASSWORD)(_FILE)?|AMQP_TLS_PASSPHRASE|REDIS_(SENTINEL_)?(PASSWORD(_FILE)?|USERNAME_FILE)|REDIS_SENTINEL_TLS_(CA|CERT|KEY)_FILE|(ECS_(ACCESS_KEY|SECRET_KEY|SECURITY_TOKEN)|IAM_(USERNAME|PASSWORD|DOMAIN)|(AMQP|REDIS)_TLS_(CA|CERT|KEY))(_FILE)?)$/;

const SCALAR = { type: ["string", "number", "boolean"] };

interface Schema {
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The schema with the settings that there are now. */
export function chartSchema(): string {
  const schema = JSON.parse(readFileSync(SCHEMA, "utf8")) as Schema;
  const variables = readYaml(VARIABLES);
  const names = leaves(variables).filter((name) => !SET_BY_THE_CHART.test(name));
  const brakes = Object.keys(z.record(z.string(), z.string()).parse(variables["brakes"]));
  const properties = {
    ...schema.properties,
    config: closed(names, SCALAR),
    brakes: closed(brakes, { type: [...SCALAR.type, "array"] }),
  };
  return `${JSON.stringify({ ...schema, properties }, null, 2)}\n`;
}

function closed(names: readonly string[], value: object) {
  const properties = Object.fromEntries(names.toSorted().map((name) => [name, value]));
  return { type: "object", additionalProperties: false, properties };
}

function leaves(tree: object): readonly string[] {
  return Object.values(tree).flatMap((value: unknown) =>
    typeof value === "string"
      ? [value]
      : typeof value === "object" && value !== null
        ? leaves(value)
        : [],
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(SCHEMA, chartSchema());
}
