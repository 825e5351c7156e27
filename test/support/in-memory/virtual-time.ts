/** A cancelled event stays in the heap and does nothing. */
export interface Scheduled {
  cancel(): void;
}

interface Entry {
  readonly atMs: number;
  /** Orders what happens at the same instant: drawn, so that the seed chooses. */
  readonly tie: number;
  run: (() => void) | null;
}

/** Where virtual time begins: any instant will do, as long as it is after 2024. */
export const BEGINNING_MS = 1_800_000_000_000;

/** Time that moves only from one scheduled event to the next. */
export class VirtualTime {
  nowMs = BEGINNING_MS;
  readonly #heap: Entry[] = [];
  readonly #tie: () => number;

  constructor(tie: () => number) {
    this.#tie = tie;
  }

  after(delayMs: number, run: () => void): Scheduled {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, delayMs), tie: this.#tie(), run };
    push(this.#heap, entry);
    return {
      cancel() {
        entry.run = null;
      },
    };
  }

  /** Goes to the next event and runs it. False: nothing is left, or nothing before `untilMs`. */
  step(untilMs = Number.POSITIVE_INFINITY): boolean {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.atMs > untilMs) return false;
      pop(this.#heap);
      if (first.run === null) continue;
      this.nowMs = first.atMs;
      first.run();
      return true;
    }
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const up = (at - 1) >> 1;
    const parent = heap[up];
    if (parent === undefined || !before(entry, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = heap[2 * at + 1];
    const right = heap[2 * at + 2];
    if (left === undefined) break;
    const [child, index] =
      right !== undefined && before(right, left) ? [right, 2 * at + 2] : [left, 2 * at + 1];
    if (!before(child, last)) break;
    heap[at] = child;
    at = index;
  }
  heap[at] = last;
}
