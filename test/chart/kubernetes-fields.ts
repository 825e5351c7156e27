import { readFileSync } from "node:fs";
import type { Document } from "./helm.ts";

const [, minors = "", ...blocks] = readFileSync(
  new URL("./kubernetes-fields.txt", import.meta.url),
  "utf8",
)
  .split("\n")
  .filter((line) => line !== "");

/** The newest minors of Kubernetes, oldest first: `1.35`. */
export const MINORS: readonly string[] = minors.replace("minors ", "").split(" ");

/** By kind (`apps/v1 Deployment`), then by path (`spec.ports[].port`, a map's values as `metadata.labels.*`). */
const KINDS = readKinds();

interface Field {
  readonly type: string;
  readonly minors: readonly string[];
}

function readKinds(): ReadonlyMap<string, ReadonlyMap<string, Field>> {
  const kinds = new Map<string, Map<string, Field>>();
  let fields = new Map<string, Field>();
  for (const line of blocks) {
    if (!line.startsWith("  ")) {
      fields = new Map();
      kinds.set(line, fields);
      continue;
    }
    const [path = "", type = "", ...having] = line.trim().split(" ");
    fields.set(path, { type, minors: having.length === 0 ? MINORS : having });
  }
  return kinds;
}

/** Whether the list knows the kind; custom resources are not in it. */
export const isOfKubernetes = (document: Pick<Document, "apiVersion" | "kind">) =>
  KINDS.has(`${document.apiVersion} ${document.kind}`);

/** What this minor would not take: fields that it does not have, and values of another type. Empty when nothing. */
export function wrongFor(minor: string, document: Document): readonly string[] {
  const kind = `${document.apiVersion} ${document.kind}`;
  const fields = new Map(
    [...(KINDS.get(kind) ?? [])].filter(([, field]) => field.minors.includes(minor)),
  );
  return wrong(document, "", fields).map((what) => `${kind} ${document.metadata.name}: ${what}`);
}

function wrong(value: unknown, path: string, fields: ReadonlyMap<string, Field>): string[] {
  // As kubectl sees it: the default.
  if (value === null || value === undefined) return [];
  const field = fields.get(path);
  if (field !== undefined) {
    return TYPES[field.type]?.(value) === true ? [] : [`${path} is no ${field.type}`];
  }
  if (Array.isArray(value)) return value.flatMap((one) => wrong(one, `${path}[]`, fields));
  if (typeof value !== "object") return [`${path} is a ${typeof value}, or does not exist`];
  return Object.entries(value).flatMap(([name, one]) => {
    const own = path === "" ? name : `${path}.${name}`;
    const ofMap = `${path}.*`;
    if (isKnown(fields, own)) return wrong(one, own, fields);
    return isKnown(fields, ofMap) ? wrong(one, ofMap, fields) : [`${own} does not exist`];
  });
}

function isKnown(fields: ReadonlyMap<string, Field>, path: string): boolean {
  for (const known of fields.keys()) {
    if (known === path || known.startsWith(`${path}.`) || known.startsWith(`${path}[]`))
      return true;
  }
  return false;
}

const isNumber = (value: unknown) => typeof value === "number";
const isString = (value: unknown): value is string => typeof value === "string";
const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: isString,
  number: isNumber,
  boolean: (value) => typeof value === "boolean",
  quantity: (value) => isNumber(value) || (isString(value) && /^[0-9.]+\w*$/.test(value)),
  "number-or-name": (value) => isNumber(value) || isString(value),
  any: () => true,
};
