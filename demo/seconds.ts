/** `12.3 s`, as wide as `1.2 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`.padStart(6);
}
