/** The store could not be asked, or did not answer in time: what was asked may have happened. */
export interface StoreAway {
  readonly kind: "away";
  readonly message: string;
}

/** Keys of ours hold what we cannot read (wrong type, later version). */
export interface StoreCorrupt {
  readonly kind: "corrupt";
  readonly message: string;
}
