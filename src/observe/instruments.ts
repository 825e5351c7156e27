import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/**
 * Label names with their values; `null`: a closed table elsewhere has them. `project` has those of ECS_PROJECTS, and
 * `other` for a command that names one which is not allowed.
 */
type Labels = Readonly<Record<string, readonly string[] | null>>;

interface Spec<Kind extends string, L extends Labels> {
  readonly kind: Kind;
  readonly name: string;
  readonly help: string;
  readonly labels: L;
  readonly buckets?: readonly number[];
}

/** Any metric, whatever its kind and labels. */
export type AnySpec = Spec<string, Labels>;

/** A call to Redis, RabbitMQ or the cloud; 20 s is the POST time-out. */
export const CALL_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30];

type Instrument<S> =
  S extends Spec<infer Kind, infer L>
    ? Kind extends "counter"
      ? Counter<keyof L & string>
      : Kind extends "gauge"
        ? Gauge<keyof L & string>
        : Histogram<keyof L & string>
    : never;
/** The instruments of a list of specs, under the same keys. */
export type InstrumentsOf<Specs> = {
  readonly [Key in keyof Specs]: Instrument<Specs[Key]>;
};

/**
 * The metrics of a list of specs on a registry. Counters with one closed label, for each of the projects where they have
 * that label too, and histograms by project begin at 0, so that their first increase is seen.
 */
export function createInstruments<const Specs extends Readonly<Record<string, AnySpec>>>(
  specs: Specs,
  registry: Registry,
  projects: readonly string[],
): InstrumentsOf<Specs> {
  const entries = Object.entries(specs).map(([key, spec]) => [
    key,
    create(spec, registry, projects),
  ]);
  return Object.fromEntries(entries) as InstrumentsOf<Specs>;
}

function create(
  spec: AnySpec,
  registry: Registry,
  projects: readonly string[],
): Counter | Gauge | Histogram {
  const { name, help } = spec;
  const labelNames = Object.keys(spec.labels);
  const common = { name, help, labelNames, registers: [registry] };
  if (spec.kind === "gauge") return new Gauge(common);
  if (spec.kind === "histogram") {
    const made = new Histogram({ ...common, buckets: [...(spec.buckets ?? [])] });
    // As one without labels does by itself.
    if (labelNames.join() === "project") for (const project of projects) made.zero({ project });
    return made;
  }
  const made = new Counter(common);
  for (const labels of beginnings(spec.labels, projects)) made.inc(labels, 0);
  return made;
}

/** The series that are known before and not many: no other begins at 0. */
function beginnings(labels: Labels, projects: readonly string[]): Record<string, string>[] {
  const { project, ...others } = labels;
  const [[label, values] = [], ...more] = Object.entries(others);
  if (more.length > 0 || (project === undefined && label === undefined)) return [];
  const closed = label === undefined ? [{}] : (values ?? []).map((value) => ({ [label]: value }));
  if (project === undefined) return closed;
  return closed.flatMap((one) => projects.map((name) => ({ ...one, project: name })));
}

/** A count that only grows. `name` without the prefix that all ours have. */
export function counter<const L extends Labels>(name: string, help: string, labels: L) {
  return { kind: "counter", name: `ecs_reinstall_${name}`, help, labels } as const;
}

/** How something stands. */
export function gauge<const L extends Labels>(name: string, help: string, labels: L) {
  return { kind: "gauge", name: `ecs_reinstall_${name}`, help, labels } as const;
}

/** How often something was how large; `buckets` are upper bounds. */
export function histogram<const L extends Labels>(
  name: string,
  help: string,
  labels: L,
  buckets: readonly number[],
) {
  return { kind: "histogram", name: `ecs_reinstall_${name}`, help, labels, buckets } as const;
}

/** A label that comes from a table elsewhere: a table that grows wild is cut off rather than stored for ever. */
export function bounded(most = 200): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (!seen.has(value) && seen.size >= most) return "other";
    seen.add(value);
    return value;
  };
}
