import type { Document } from "./helm.ts";

/**
 * The fields of the topology operator's objects that the chart uses, by kind, and those that must be there. From the custom
 * resource definitions of its version 1.x (`rabbitmq.com/v1beta1`), for which there is no package of types.
 */
const FIELDS: Readonly<
  Record<string, { readonly all: readonly string[]; readonly needed: string }>
> = {
  Vhost: { all: ["name", "defaultQueueType", "deletionPolicy"], needed: "name" },
  User: { all: ["tags"], needed: "tags" },
  Permission: { all: ["permissions", "userReference", "user", "vhost"], needed: "permissions" },
  Exchange: { all: ["name", "type", "durable", "autoDelete", "vhost"], needed: "name" },
  Queue: {
    all: ["name", "type", "durable", "autoDelete", "deletionPolicy", "arguments", "vhost"],
    needed: "name",
  },
  Binding: {
    all: ["source", "destination", "destinationType", "routingKey", "vhost"],
    needed: "destination",
  },
  Policy: {
    all: ["name", "pattern", "applyTo", "priority", "definition", "vhost"],
    needed: "definition",
  },
};

/** What the operator would not take of one of its objects: empty when nothing. */
export function wrongForTheOperator({ kind, metadata, spec }: Document): readonly string[] {
  const fields = FIELDS[kind];
  if (fields === undefined) return [`${kind}: no such kind`];
  const { rabbitmqClusterReference: cluster, ...rest } = spec as {
    readonly rabbitmqClusterReference?: Readonly<Record<string, unknown>>;
  };
  const unknown = Object.keys(rest).filter((name) => !fields.all.includes(name));
  return [
    ...unknown.map((name) => `${kind} ${metadata.name}: spec.${name} does not exist`),
    ...(fields.needed in rest
      ? []
      : [`${kind} ${metadata.name}: spec.${fields.needed} is missing`]),
    ...(cluster !== undefined && ("name" in cluster || "connectionSecret" in cluster)
      ? []
      : [`${kind} ${metadata.name}: names no cluster`]),
    ...(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(metadata.name)
      ? []
      : [`${metadata.name}: no name`]),
  ];
}

export const isOfTheOperator = ({ apiVersion }: Pick<Document, "apiVersion">) =>
  apiVersion === "rabbitmq.com/v1beta1";
