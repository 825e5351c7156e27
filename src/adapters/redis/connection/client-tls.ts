import { type ConnectionOptions, createSecureContext } from "node:tls";

interface Material {
  readonly caPem?: string;
  readonly certPem?: string;
  readonly keyPem?: string;
}

/** How a peer is recognised, and who we are to it. */
export interface RedisTls {
  /** PEM texts as they are now. Must not throw. */
  readonly material?: () => Material;
  /** The name that the peer's certificate must have; without it, the host that is connected to. */
  readonly servername?: string | undefined;
}

/**
 * Options of `tls.connect` that are read again for each connection. Text that cannot be used, because a file is only
 * half written, is left alone for what was used last. Throws when it cannot be used the first time.
 */
export function tlsOptions({ material, servername }: RedisTls = {}): ConnectionOptions {
  const options: ConnectionOptions = {
    // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot switch it off.
    rejectUnauthorized: true,
    ...(servername === undefined ? {} : { servername }),
  };
  if (material === undefined) return options;
  const first = material();
  let used = JSON.stringify(first);
  let context = contextOf(first);
  return Object.defineProperty(options, "secureContext", {
    enumerable: true,
    get() {
      const now = material();
      const text = JSON.stringify(now);
      if (text === used) return context;
      try {
        context = contextOf(now);
        used = text;
      } catch {
        // Half a file: the next connection looks again.
      }
      return context;
    },
  });
}

function contextOf({ caPem, certPem, keyPem }: Material) {
  return createSecureContext({
    ...(caPem !== undefined && { ca: caPem }),
    ...(certPem !== undefined && { cert: certPem }),
    ...(keyPem !== undefined && { key: keyPem }),
  });
}
