import type { VirtualTime } from "../support/in-memory/virtual-time.ts";

/** A worker's operating-system process: it runs, is stopped for a while (SIGSTOP), or is dead. */
export class SimulatedProcess {
  alive = true;
  readonly name: string;
  /** This machine's clock against the true one. */
  readonly skewMs: number;
  readonly #time: VirtualTime;
  #pause = 0;
  #paused = false;
  #held: (() => void)[] = [];

  constructor(name: string, skewMs: number, time: VirtualTime) {
    this.name = name;
    this.skewMs = skewMs;
    this.#time = time;
  }

  get paused(): boolean {
    return this.#paused;
  }

  nowMs(): number {
    return Math.floor(this.#time.nowMs + this.skewMs);
  }

  /** Runs inside the process: now, after the pause, or never. */
  inside(run: () => void): void {
    if (!this.alive) return;
    if (this.#paused) this.#held.push(run);
    else run();
  }

  after(delayMs: number, run: () => void): void {
    this.#time.after(delayMs, () => this.inside(run));
  }

  kill(): void {
    this.alive = false;
    this.#held = [];
  }

  pause(durationMs: number): void {
    if (this.#paused) return;
    this.#paused = true;
    const pause = (this.#pause += 1);
    this.#time.after(durationMs, () => this.wake(pause));
  }

  wake(pause = this.#pause): void {
    if (!this.#paused || pause !== this.#pause) return;
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const run of held) this.#time.after(1, () => this.inside(run));
  }
}
