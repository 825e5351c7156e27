/** What a request is for, as far as budgets, metrics and logs tell requests apart. */
export const OPERATIONS = [
  "look",
  "job",
  "stop",
  "reinstall",
  "token",
  "image",
  /** Asks whether endpoint, credentials and clock are right, when nothing else has shown it. */
  "probe",
  /** Asks for the cloud's time, without credentials. */
  "clock",
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What came of a request, for metrics. Closed, so that it may be a label. */
export const REQUEST_OUTCOMES = [
  /** An answer that is no error. */
  "ok",
  /** An error of the table that is a sure no. */
  "refused",
  "throttled",
  "unauthenticated",
  /** Any other error that the cloud answered with. */
  "error",
  /** No request left: no connection. */
  "not-sent",
  /** A request left, no whole answer came. */
  "no-answer",
] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

/** Holds no URL, header, body or secret. */
export interface RequestInfo {
  readonly operation: Operation;
  readonly outcome: RequestOutcome;
  readonly httpStatus: number | null;
  /** A code of the error table, else `other`; `none`: an error without a code; null: the answer was no error. */
  readonly cloudCode: string | null;
  readonly seconds: number;
}
