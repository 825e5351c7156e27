/** Does "the same system disk" prove anything here? It earns that by having been watched (design §5). */
export interface DiskEvidence {
  /** `away` of the store counts as `untested`. */
  trust(volumeType: string | null): Promise<"trusted" | "untested" | "contradicted">;
  /** `away`: perhaps not counted. */
  count(volumeType: string | null, disk: "replaced" | "kept"): Promise<"counted" | "away">;
}
