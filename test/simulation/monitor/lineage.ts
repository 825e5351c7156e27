import type { Content } from "../../support/in-memory/broker.ts";

const HEADER = "x-lineage";

/** Goes with a publish of an emitter, and stays with it however often it is put aside or copied. */
export function lineageHeader(lineage: number): Record<string, number> {
  return { [HEADER]: lineage };
}

/** Which publish of its emitter a raw command comes from. */
export function lineageOf({ properties }: Content): number | undefined {
  const lineage: unknown = properties.headers?.[HEADER];
  return typeof lineage === "number" ? lineage : undefined;
}
