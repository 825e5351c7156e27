/** The result of a look into the store. */
export type Found<View> =
  | { readonly kind: "found"; readonly view: View }
  | { readonly kind: "absent" }
  /** The store is away: nothing can be said. */
  | { readonly kind: "unavailable" };
