import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/**
 * Label names with their values; `null`: a closed table elsewhere has them. `project` has those of ECS_PROJECTS, and
 * `other` for a command that names one which is not allowed; `source` those of METRICS_SOURCES, and `other`.
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

/** What configuration and tracing add to the instruments. */
export interface InstrumentOptions {
  /** Values of the labels that configuration closes. */
  readonly sets: Readonly<Record<ClosedByConfiguration, readonly string[]>>;
  /**
   * The trace that is recorded here, 32 hex digits; null where none is. Each bucket of a histogram then shows the last of
   * its traces, which only the format of OpenMetrics can say. Absent: no exemplars.
   */
  readonly traceId?: (() => string | null) | undefined;
}

/** Labels whose values configuration lists: ECS_PROJECTS and METRICS_SOURCES. */
type ClosedByConfiguration = "project" | "source";

/**
 * The metrics of a list of specs on a registry. Counters with one closed label, for each of the projects where they have
 * that label too, and histograms whose labels configuration closes begin at 0, so that their first increase is seen.
 */
export function createInstruments<const Specs extends Readonly<Record<string, AnySpec>>>(
  specs: Specs,
  registry: Registry,
  options: InstrumentOptions,
): InstrumentsOf<Specs> {
  const entries = Object.entries(specs).map(([key, spec]) => [
    key,
    create(spec, registry, options),
  ]);
  return Object.fromEntries(entries) as InstrumentsOf<Specs>;
}

function create(
  spec: AnySpec,
  registry: Registry,
  options: InstrumentOptions,
): Counter | Gauge | Histogram {
  const { name, help } = spec;
  const labelNames = Object.keys(spec.labels);
  const common = { name, help, labelNames, registers: [registry] };
  if (spec.kind === "gauge") return new Gauge(common);
  if (spec.kind === "histogram") return createHistogram(spec, common, options);
  const made = new Counter(common);
  for (const labels of beginnings(spec.labels, options.sets.project)) made.inc(labels, 0);
  return made;
}

function createHistogram(
  { labels, buckets = [] }: AnySpec,
  common: { name: string; help: string; labelNames: string[]; registers: Registry[] },
  { sets, traceId }: InstrumentOptions,
): Histogram {
  const config = { ...common, buckets: [...buckets], enableExemplars: traceId !== undefined };
  const made = new Histogram(config);
  // As one without labels does by itself.
  const names = Object.keys(labels).filter((label) => label in sets) as ClosedByConfiguration[];
  if (names.length > 0 && names.length === common.labelNames.length) {
    for (const each of combinations(names, sets)) made.zero(each);
  }
  if (traceId !== undefined) withExemplars(made, traceId);
  return made;
}

/** With exemplars prom-client takes one object; who observes does not know of them. */
function withExemplars(made: Histogram, traceId: () => string | null): void {
  const observe = made.observe.bind(made) as (one: {
    labels: object;
    value: number;
    exemplarLabels: Record<string, string>;
  }) => void;
  const observed = (labels: object | number, value?: number): void => {
    const trace = traceId();
    observe({
      labels: typeof labels === "number" ? {} : labels,
      value: typeof labels === "number" ? labels : (value ?? 0),
      exemplarLabels: trace === null ? {} : { trace_id: trace },
    });
  };
  made.observe = observed;
}

function combinations(
  names: readonly ClosedByConfiguration[],
  sets: InstrumentOptions["sets"],
): Record<string, string>[] {
  return names.reduce<Record<string, string>[]>(
    (all, name) => all.flatMap((one) => sets[name].map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
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

/** A call to Redis within one network. */
export const QUICK_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

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
