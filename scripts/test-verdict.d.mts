/** What scripts/test-report.mjs writes about one run. */
export interface Report {
  readonly files: readonly {
    /** From the root of the project, with `/`. */
    readonly path: string;
    /** Name of the vitest project. */
    readonly project: string;
    /** It, or a group of its tests, could not be loaded or set up. */
    readonly broken: boolean;
    readonly tests: readonly { readonly name: string; readonly state: string }[];
  }[];
  /** How many errors came from outside of any test. */
  readonly strayErrors: number;
}

export const MOST_FILES_AGAIN: number;
export function filesToRunAgain(report: Report): {
  readonly paths: readonly string[];
  readonly tooMany: number;
};
export function verdict(
  first: Report,
  again: Report | undefined,
): {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly failures: readonly string[];
  readonly onlyAgain: readonly string[];
};
