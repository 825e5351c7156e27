// Writes into helm/ecs-reinstall-worker/values.schema.json which settings the values `config` and `brakes` take, and which
// values must not be null: `npx tsx scripts/generate-chart-settings.ts`. A test of the chart compares.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { z } from "zod";
import { readYaml } from "../src/config/files.ts";

const SCHEMA = fileURLToPath(
  new URL("../helm/ecs-reinstall-worker/values.schema.json", import.meta.url),
);
const VALUES = fileURLToPath(new URL("../helm/ecs-reinstall-worker/values.yaml", import.meta.url));
const VARIABLES = fileURLToPath(
  new URL("../config/custom-environment-variables.yaml", import.meta.url),
);

/** Files and settings that have a value of their own in the chart, and secrets. */
const SET_BY_THE_CHART =
  /^(HTTP_PORT|METRICS_PORT|OTEL_EXPORTER_OTLP_(ENDPOINT|HEADERS)|REDIS_URL|ECS_(REGION|PROJECTS|ENDPOINT|CA_FILE)|IAM_ENDPOINT|AMQP_SCHEME|AMQP_MANAGEMENT_\w+|AMQP_(URL|HOST|PORT|VHOST|USERNAME|PASSWORD)(_FILE)?|AMQP_TLS_PASSPHRASE|REDIS_(SENTINEL_)?(PASSWORD(_FILE)?|USERNAME_FILE)|REDIS_SENTINEL_TLS_(CA|CERT|KEY)_FILE|(ECS_(ACCESS_KEY|SECRET_KEY|SECURITY_TOKEN)|IAM_(USERNAME|PASSWORD|DOMAIN)|(AMQP|REDIS)_TLS_(CA|CERT|KEY))(_FILE)?)$/;

const SCALAR = { type: ["string", "number", "boolean"] };

/** Of a JSON Schema, what is read here. */
export interface ValueSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, ValueSchema | false>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly ValueSchema[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minItems?: number;
}

/** The schema with the settings that there are now. */
export function chartSchema(): string {
  const schema = JSON.parse(readFileSync(SCHEMA, "utf8")) as ValueSchema;
  const variables = readYaml(VARIABLES);
  const names = leaves(variables).filter((name) => !SET_BY_THE_CHART.test(name));
  const brakes = Object.keys(z.record(z.string(), z.string()).parse(variables["brakes"]));
  const properties = {
    ...schema.properties,
    config: closed(names, SCALAR),
    brakes: closed(brakes, { type: [...SCALAR.type, "array"] }),
  };
  const whole = withRequired({ ...schema, properties }, readYaml(VALUES));
  return `${JSON.stringify(whole, null, 2)}\n`;
}

/**
 * Helm deletes a value that a values file sets to null, default and all. Where that is not the same as empty, the schema
 * says so by the value's name; the templates take each other one as empty.
 */
export function mustBeThere(schema: ValueSchema, byDefault: unknown): boolean {
  if (mayBeNull(schema)) return false;
  if (typeof byDefault === "string") return byDefault !== "" && !mayBeEmpty(schema);
  if (Array.isArray(byDefault)) return (schema.minItems ?? 0) > 0;
  if (typeof byDefault === "object") {
    return byDefault !== null && Object.keys(byDefault).length > 0;
  }
  return typeof byDefault === "number" || byDefault === true;
}

function mayBeNull({ type, oneOf = [] }: ValueSchema): boolean {
  return [type].flat().includes("null") || oneOf.some(mayBeNull);
}

function mayBeEmpty({ enum: words, pattern = "", minLength = 0 }: ValueSchema): boolean {
  return (words?.includes("") ?? true) && minLength === 0 && new RegExp(pattern, "u").test("");
}

function withRequired(schema: ValueSchema, values: object): ValueSchema {
  const { required: _, ...rest } = schema;
  const { properties = {} } = rest;
  const below = Object.entries(properties).map(([name, one]) => {
    const value: unknown = Object.entries(values).find(([key]) => key === name)?.[1];
    const isSection =
      one !== false && one.properties !== undefined && !mayBeNull(one) && isTree(value);
    return [name, isSection ? withRequired(one, value) : one] as const;
  });
  const required = Object.entries(values).flatMap(([name, value]) => {
    const one = properties[name];
    return one !== undefined && one !== false && mustBeThere(one, value) ? [name] : [];
  });
  return {
    ...rest,
    properties: Object.fromEntries(below),
    ...(required.length === 0 ? {} : { required: required.toSorted() }),
  };
}

function isTree(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
