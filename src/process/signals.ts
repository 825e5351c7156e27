import { close as closeInspector, url as inspectorUrl } from "node:inspector";

/** They end the worker in good order; a second one changes nothing. */
const STOPPING = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
/** Node would open its inspector on the first and end on the second. */
const IGNORED = ["SIGUSR1", "SIGUSR2"] as const;

/** The signals that arrived, for whoever ends the worker by them. */
export interface ProcessSignals {
  /** Called once, at once if a signal to stop has come already. */
  onStop(listener: (signal: NodeJS.Signals) => void): void;
  onIgnored(listener: (signal: NodeJS.Signals) => void): void;
}

/** Takes the process's signals over. To be called as early as can be: until then each does what Node does. */
export function listenToSignals(): ProcessSignals {
  let stoppedBy: NodeJS.Signals | null = null;
  let stop: ((signal: NodeJS.Signals) => void) | null = null;
  let ignored: (signal: NodeJS.Signals) => void = () => {};
  for (const signal of STOPPING) {
    process.on(signal, () => {
      if (stoppedBy !== null) return;
      stoppedBy = signal;
      stop?.(signal);
    });
  }
  for (const signal of IGNORED) process.on(signal, () => ignored(signal));
  return {
    onStop(listener) {
      stop = listener;
      if (stoppedBy !== null) listener(stoppedBy);
    },
    onIgnored(listener) {
      ignored = listener;
    },
  };
}

const LOOK_EVERY_MS = 1_000;

/**
 * Closes an inspector that SIGUSR1 opened before anybody listened: it starts on a thread of its own, sometimes twice, so it is
 * looked for again and again. One that was asked for (`--inspect`) stays. `node --disable-sigusr1` (22.14, 23.7) leaves
 * no such moment.
 */
export function closeUnaskedInspector(): void {
  const options = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].join(" ");
  if (/--inspect(?:-brk|-wait)?(?:[=\s]|$)/.test(options)) return;
  const look = () => {
    if (inspectorUrl() !== undefined) closeInspector();
  };
  look();
  setInterval(look, LOOK_EVERY_MS).unref();
}
