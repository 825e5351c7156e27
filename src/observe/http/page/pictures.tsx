import { span } from "../../../core/times-in-words.ts";

/** How far a reinstall is, as the last ones took: beyond that it is full, and nothing is promised. */
export function Meter({ share, label }: { readonly share: number; readonly label: string }) {
  const width = Math.max(2, Math.min(1, share) * 100);
  return (
    <svg class="meter" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="track" width="100" height="6" />
      <rect class={share > 1.5 ? "late" : "run"} width={round(width)} height="6" />
    </svg>
  );
}

/** So many slots are drawn one by one; more become a bar. */
const MOST_SQUARES = 40;

/** Slots of a project: those that are taken, and those that are free. */
export function Slots({ taken, cap }: { readonly taken: number; readonly cap: number }) {
  const label = `${taken} of ${cap} slots are taken`;
  const count = Math.max(cap, taken);
  if (count > MOST_SQUARES) {
    return (
      <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={label}>
        <rect class="track" width="100" height="8" />
        <rect class="run" width={round((100 * taken) / count)} height="8" />
      </svg>
    );
  }
  const side = 14;
  const step = side + 4;
  const columns = Math.min(count, 20);
  const rows = Math.ceil(count / 20);
  return (
    <svg
      class="slots"
      width={columns * step - 4}
      height={rows * step - 4}
      viewBox={`0 0 ${columns * step - 4} ${rows * step - 4}`}
      role="img"
      aria-label={label}
    >
      {Array.from({ length: count }, (_, at) => (
        <rect
          class={at >= cap ? "over" : at < taken ? "run" : "track"}
          x={(at % 20) * step}
          y={Math.floor(at / 20) * step}
          width={side}
          height={side}
          rx="3"
        />
      ))}
    </svg>
  );
}

/** What is left of a share, 0 to 1. */
export function Share({ share, label }: { readonly share: number; readonly label: string }) {
  const width = round(100 * Math.max(0, Math.min(1, share)));
  return (
    <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="track" width="100" height="8" />
      <rect class={share < 0.1 ? "late" : "run"} width={width} height="8" />
    </svg>
  );
}

/** Ends of one hour, by what they were. */
export interface HourOfEnds {
  readonly good: number;
  readonly bad: number;
  readonly calm: number;
}

const HEIGHT = 44;

/** Ends of the last hours, the present one last: what was good at the bottom, then what was bad, then the rest. */
export function Ends({
  hours,
  label,
}: {
  readonly hours: readonly HourOfEnds[];
  readonly label: string;
}) {
  const most = Math.max(4, ...hours.map(({ good, bad, calm }) => good + bad + calm));
  const unit = HEIGHT / most;
  return (
    <svg
      class="ends"
      viewBox={`0 0 ${hours.length * 10} ${HEIGHT + 1}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      {hours.map(({ good, bad, calm }, hour) => {
        const x = hour * 10 + 1;
        const [g, b, c] = [good, bad, calm].map((count) => count * unit) as [
          number,
          number,
          number,
        ];
        return (
          <>
            <rect class="track" x={x} y={HEIGHT} width="8" height="1" />
            <rect class="good" x={x} y={round(HEIGHT - g)} width="8" height={round(g)} />
            <rect class="bad" x={x} y={round(HEIGHT - g - b)} width="8" height={round(b)} />
            <rect class="calm" x={x} y={round(HEIGHT - g - b - c)} width="8" height={round(c)} />
          </>
        );
      })}
    </svg>
  );
}

/** How long reinstalls took, one mark each, from zero to the longest; a line at the middle one. */
export function Durations({
  durationsMs,
  medianMs,
}: {
  readonly durationsMs: readonly number[];
  readonly medianMs: number;
}) {
  const longest = Math.max(...durationsMs, 1);
  const at = (ms: number) => round(3 + (294 * ms) / longest);
  const label = `${durationsMs.length} reinstalls: the middle one took ${span(medianMs)}, the longest ${span(longest)}`;
  return (
    <svg class="durations" viewBox="0 0 300 24" role="img" aria-label={label}>
      <rect class="track" x="0" y="11.5" width="300" height="1" />
      {durationsMs.map((ms) => (
        <circle class="dot" cx={at(ms)} cy="12" r="3" />
      ))}
      <rect class="middle" x={at(medianMs)} y="2" width="1.5" height="20" />
    </svg>
  );
}

/** A stretch of a command's way. */
export interface Stretch {
  readonly tone: "wait" | "run" | "good" | "bad" | "calm";
  readonly fromMs: number;
  readonly toMs: number;
  readonly name: string;
}

/** A command's way from its first to its last moment, to scale; each stretch can be seen, however short it is. */
export function Way({ stretches }: { readonly stretches: readonly Stretch[] }) {
  const [first] = stretches;
  const last = stretches.at(-1);
  if (first === undefined || last === undefined) return null;
  const whole = Math.max(1, last.toMs - first.fromMs);
  const label = `from ${stretches.map(({ name, fromMs, toMs }) => `${name} for ${span(toMs - fromMs)}`).join(", then ")}`;
  return (
    <svg class="way" viewBox="0 0 1000 14" preserveAspectRatio="none" role="img" aria-label={label}>
      {stretches.map(({ tone, fromMs, toMs, name }) => (
        <rect
          class={tone}
          x={round((1000 * (fromMs - first.fromMs)) / whole)}
          y="0"
          width={round(Math.max(3, (1000 * (toMs - fromMs)) / whole - 1))}
          height="14"
        >
          <title>{`${name}: ${span(toMs - fromMs)}`}</title>
        </rect>
      ))}
    </svg>
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
