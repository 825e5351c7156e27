/** Done, or stopped as asked. */
export const EXIT_OK = 0;
/** Not done, or a bug. */
export const EXIT_FAILURE = 1;
/** The command line was wrong: nothing was tried. */
export const EXIT_USAGE = 2;
/** EX_CONFIG of sysexits.h: the configuration is wrong, a restart will not help. */
export const EXIT_CONFIG = 78;

/** Exit codes as a shell reports an end by a signal. */
export const SIGNAL_EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Signals by which a person or a platform ends a program. */
export type EndingSignal = keyof typeof SIGNAL_EXIT_CODES;
