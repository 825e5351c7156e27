/** Wakes everybody who waits for a change; each looks for itself whether it is the change it waits for. */
export class Changes {
  readonly #sleepers = new Set<() => void>();

  /** Something has changed: everybody who waits looks. */
  notify(): void {
    for (const look of this.#sleepers) look();
  }

  /**
   * Waits until the condition holds; false when the signal was aborted first. The condition is asked once for each
   * change, and nothing runs between its `true` and the end of `notify`: it may take what it asks for.
   */
  async until(holds: () => boolean, signal: AbortSignal): Promise<boolean> {
    if (holds()) return true;
    if (signal.aborted) return false;
    return new Promise((resolve) => {
      const end = (held: boolean) => {
        this.#sleepers.delete(look);
        signal.removeEventListener("abort", giveUp);
        resolve(held);
      };
      const look = () => {
        if (holds()) end(true);
      };
      const giveUp = () => end(false);
      this.#sleepers.add(look);
      signal.addEventListener("abort", giveUp, { once: true });
    });
  }
}
