import { createPrivateKey, X509Certificate } from "node:crypto";
import type { SecretSource } from "./secret.ts";
import type { TlsPems } from "./tls.ts";

/*
 * Passwords and certificates that are replaced while the worker runs (cert-manager, External Secrets, Vault). Each
 * source gives what its file holds now; here is what a connection needs beyond that: to hear of a change, and never
 * to take the new certificate with the old key.
 */

/** What a TLS connection is opened with; PEM texts. */
export interface TlsMaterial {
  readonly caPem?: string;
  readonly certPem?: string;
  readonly keyPem?: string;
  readonly passphrase?: string;
}

/**
 * Gives the TLS material as it is now; never throws. A certificate and a key that do not belong together are a
 * rotation half-way: then it gives the pair that it gave last (the first time: what there is, for the peer to judge).
 */
export function tlsMaterial(
  sources: TlsPems & { readonly passphrase?: SecretSource },
): () => TlsMaterial {
  const { caPem, certPem, keyPem, passphrase } = sources;
  const pairNow = () => ({
    ...(certPem && { certPem: certPem() }),
    ...(keyPem && { keyPem: keyPem() }),
    ...(passphrase && { passphrase: passphrase() }),
  });
  let pair = pairNow();
  return () => {
    const next = pairNow();
    if (!sameTexts(pair, next) && belongTogether(next)) pair = next;
    return { ...(caPem && { caPem: caPem() }), ...pair };
  };
}

/**
 * Calls back when what `read` gives has changed, and then stayed as it is from one look to the next: user and
 * password, certificate and key are files of their own, written one after the other. Looks, because notifications of
 * the file system do not reach mounted secrets. Gives the function that ends it.
 *
 * @param read the texts to compare, e.g. `() => [username(), password()]`; must not throw
 */
export function watchForChange(
  read: () => readonly string[],
  onChange: () => void,
  intervalMs: number = LOOK_INTERVAL_MS,
): () => void {
  let known = joined(read());
  let last = known;
  const timer = setInterval(() => {
    const now = joined(read());
    const settled = now === last;
    last = now;
    if (!settled || now === known) return;
    known = now;
    onChange();
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** A look costs one `stat` a file. */
const LOOK_INTERVAL_MS = 1_000;

function joined(texts: readonly string[]): string {
  return JSON.stringify(texts);
}

function sameTexts(one: TlsMaterial, other: TlsMaterial): boolean {
  return (
    one.certPem === other.certPem &&
    one.keyPem === other.keyPem &&
    one.passphrase === other.passphrase
  );
}

function belongTogether({ certPem, keyPem, passphrase }: TlsMaterial): boolean {
  if (certPem === undefined || keyPem === undefined) return true;
  try {
    const key = createPrivateKey({
      key: keyPem,
      ...(passphrase === undefined ? {} : { passphrase }),
    });
    return new X509Certificate(certPem).checkPrivateKey(key);
  } catch {
    // Half a file, or a passphrase that comes a moment later.
    return false;
  }
}
