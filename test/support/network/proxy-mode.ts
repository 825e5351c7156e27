/** From the client to the server, or back. */
export type Direction = "up" | "down";

/**
 * What the proxy does, with the connections that exist and with new ones.
 * A mode only ever loses bytes where it says so; what others hold back arrives once the mode allows it, as TCP would
 * have it.
 */
export type ProxyMode =
  | { readonly kind: "pass" }
  | { readonly kind: "delay"; readonly ms: number }
  /** Accepts and forwards nothing, in neither direction: no error comes, only time-outs help. */
  | { readonly kind: "black-hole" }
  /** The server gets and does everything; its answers are lost. */
  | { readonly kind: "drop-replies" }
  /** The same, but the answers are only held back. */
  | { readonly kind: "hold-replies" }
  /** Lets n bytes of each connection pass in that direction, counted from now, then resets both ends. */
  | { readonly kind: "cut"; readonly afterBytes: number; readonly direction: Direction }
  /** Resets all connections at once, and each new one. */
  | { readonly kind: "reset" }
  /** Ends what flows in that direction (FIN) and keeps the other one open. */
  | { readonly kind: "half-close"; readonly direction: Direction }
  | { readonly kind: "slow"; readonly bytesPerSecond: number }
  /** New connections are refused; those that exist go on. */
  | { readonly kind: "refuse" };
