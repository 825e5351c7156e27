/** One line of a Prometheus page. */
export interface Sample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

export function samplesOf(page: string): readonly Sample[] {
  return page.split("\n").flatMap((line) => {
    const [, name, labels, value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    return name === undefined ? [] : [{ name, labels: labels ?? "", value: Number(value) }];
  });
}

/** Adds up what has this name and, when given, this label: `sumOf(samples, "x_total", 'queue="work"')`. */
export function sumOf(samples: readonly Sample[], name: string, label = ""): number {
  return samples
    .filter((sample) => sample.name === name && sample.labels.includes(label))
    .reduce((sum, { value }) => sum + value, 0);
}
