/** The promises of design §2 and of brakes.md §11 (F); `bug` is what no promise covers, such as a step that throws. */
export type PromiseName =
  | "P1"
  | "P2"
  | "P3"
  | "P4"
  | "P5"
  | "P6"
  | "P7"
  | "P8"
  | "P9"
  | "F1"
  | "F2"
  | "F3"
  | "F4"
  | "F5"
  | "F6"
  | "bug";

export interface Violation {
  readonly promise: PromiseName;
  readonly text: string;
}
