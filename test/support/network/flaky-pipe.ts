import type { Socket } from "node:net";
import type { Direction, ProxyMode } from "./proxy-mode.ts";

export interface FlakyPipeEnds {
  readonly direction: Direction;
  readonly from: Socket;
  readonly to: Socket;
  onBytes(count: number): void;
  /** Breaks the whole connection. */
  cut(): void;
}

interface Held {
  readonly bytes: Buffer;
  readonly arrivedMs: number;
}

/** Beyond this the sender is no longer read, and feels it as it would on a network that stands still. */
const HELD_LIMIT_BYTES = 1024 * 1024;
const SLOW_TICK_MS = 50;
/** A reset that arrives together with the last bytes is reported as an orderly end by libuv. */
const CUT_AFTER_MS = 10;

/** One direction of a proxied connection: holds what came in, and lets out what the mode allows by now. */
export class FlakyPipe {
  readonly #ends: FlakyPipeEnds;
  #mode: ProxyMode = { kind: "pass" };
  #held: Held[] = [];
  #heldBytes = 0;
  /** In "cut": bytes that may still pass. In "slow": when the next ones may. */
  #allowance = 0;
  #nextMs = 0;
  #source: "open" | "ended" | "reset" = "open";
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(ends: FlakyPipeEnds) {
    this.#ends = ends;
    ends.from.on("data", (bytes: Buffer) => this.#take(bytes));
    ends.from.once("end", () => this.#sourceBecame("ended"));
    // A reset travels like everything else: behind what was sent before it, and not through a black hole.
    ends.from.once("error", () => this.#sourceBecame("reset"));
    ends.to.on("drain", () => this.#pump());
    ends.to.once("close", () => this.stop());
  }

  set(mode: ProxyMode): void {
    this.#mode = mode;
    this.#nextMs = performance.now();
    if (mode.kind === "cut") this.#allowance = mode.afterBytes;
    this.#pump();
  }

  stop(): void {
    this.#closed = true;
    this.#held = [];
    clearTimeout(this.#timer);
  }

  #sourceBecame(state: "ended" | "reset"): void {
    this.#source = state;
    this.#pump();
  }

  #take(bytes: Buffer): void {
    this.#held.push({ bytes, arrivedMs: performance.now() });
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > HELD_LIMIT_BYTES) this.#ends.from.pause();
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#closed && !this.#ends.to.writableNeedDrain) {
      const first = this.#held[0];
      if (first === undefined) {
        this.#passEnd();
        return;
      }
      const may = this.#may(first);
      if (may.kind === "wait") {
        this.#timer = setTimeout(() => this.#pump(), may.ms);
        return;
      }
      if (may.kind === "hold") return;
      this.#release(first, may.bytes, may.kind === "lose");
      if (may.kind === "cut") this.#endSoon(() => this.#ends.cut());
    }
  }

  /** How many of the first bytes may go now, and how. */
  #may(first: Held): May {
    const all = first.bytes.length;
    const now = performance.now();
    const mode = this.#mode;
    const { direction } = this.#ends;
    switch (mode.kind) {
      case "delay": {
        const ms = first.arrivedMs + mode.ms - now;
        return ms > 0 ? { kind: "wait", ms } : { kind: "go", bytes: all };
      }
      case "black-hole":
        return { kind: "hold" };
      case "hold-replies":
        return direction === "down" ? { kind: "hold" } : { kind: "go", bytes: all };
      case "drop-replies":
        return { kind: direction === "down" ? "lose" : "go", bytes: all };
      case "cut":
        if (direction !== mode.direction) return { kind: "go", bytes: all };
        if (all < this.#allowance) {
          this.#allowance -= all;
          return { kind: "go", bytes: all };
        }
        return { kind: "cut", bytes: this.#allowance };
      case "half-close":
        return { kind: this.#endsHere() ? "lose" : "go", bytes: all };
      case "slow": {
        if (now < this.#nextMs) return { kind: "wait", ms: this.#nextMs - now };
        const perTick = Math.max(1, Math.round((mode.bytesPerSecond * SLOW_TICK_MS) / 1_000));
        const bytes = Math.min(all, perTick);
        this.#nextMs = now + (bytes / mode.bytesPerSecond) * 1_000;
        return { kind: "go", bytes };
      }
      case "pass":
      case "refuse":
      case "reset":
        return { kind: "go", bytes: all };
    }
  }

  #release(first: Held, count: number, lost: boolean): void {
    const rest = first.bytes.subarray(count);
    if (rest.length === 0) this.#held.shift();
    else this.#held[0] = { bytes: rest, arrivedMs: first.arrivedMs };
    this.#heldBytes -= count;
    if (this.#heldBytes <= HELD_LIMIT_BYTES) this.#ends.from.resume();
    // Nothing can follow an end that was already sent.
    if (lost || count === 0 || this.#ends.to.writableEnded) return;
    this.#ends.onBytes(count);
    this.#ends.to.write(first.bytes.subarray(0, count));
  }

  /** Nothing is held any more: what the source's end means for the other side. */
  #passEnd(): void {
    const { direction, to } = this.#ends;
    const { kind } = this.#mode;
    const answersHeld = kind === "drop-replies" || kind === "hold-replies";
    if (kind === "black-hole" || (answersHeld && direction === "down")) return;
    if (this.#source === "reset") this.#endSoon(() => resetNow(to));
    else if (this.#source === "ended" || this.#endsHere()) to.end();
  }

  /**
   * Behind the last bytes, not together with them: it would take them away unread. Nothing may take it back, neither
   * another mode nor more bytes: the pipe is stopped, and nothing else would end the connection.
   */
  #endSoon(end: () => void): void {
    this.stop();
    setTimeout(end, CUT_AFTER_MS);
  }

  #endsHere(): boolean {
    return this.#mode.kind === "half-close" && this.#mode.direction === this.#ends.direction;
  }
}

/**
 * Resets a socket; it closes whatever its peer does. One whose end is just being sent cannot be reset: Node.js then
 * reports EINVAL and keeps the handle for ever, so it is closed. So is one that is still connecting.
 */
export function resetNow(socket: Socket): void {
  const ending = socket.writableEnded && !socket.writableFinished;
  if (ending || socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}

type May =
  | { readonly kind: "go" | "lose" | "cut"; readonly bytes: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "hold" };
