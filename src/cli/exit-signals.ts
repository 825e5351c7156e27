/** Exit codes as a shell reports an end by a signal. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** Signals by which a person or a platform ends a program. */
export type EndingSignal = keyof typeof SIGNAL_EXIT_CODES;
