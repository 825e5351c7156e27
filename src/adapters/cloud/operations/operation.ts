import type { ProjectId } from "../../../contract/ids.ts";
import type { Operation, RequestOutcome } from "../../../contract/labels.ts";

/** One request to the cloud, for whoever counts and traces. Holds no URL, header, body or secret. */
export interface RequestInfo {
  readonly operation: Operation;
  /** On whose behalf it was asked; null: of none (the time). */
  readonly project: ProjectId | null;
  readonly outcome: RequestOutcome;
  readonly httpStatus: number | null;
  /** A code of the error table, else `other`; `none`: an error without a code; null: the answer was no error. */
  readonly cloudCode: string | null;
  readonly seconds: number;
}
