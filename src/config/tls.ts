import type { Report } from "./inequalities.ts";
import { fileSecret, type SecretSource } from "./secret.ts";

/** Paths of PEM files, and the name expected in the other side's certificate, as the settings give them. */
export interface TlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly servername?: string;
}

/** The content of the files, each read again when it changes. */
export interface TlsPems {
  readonly caPem?: SecretSource;
  readonly certPem?: SecretSource;
  readonly keyPem?: SecretSource;
}

/** Reads the TLS files of a room. Files that nothing would use are reported: somebody believes in a TLS that is not there. */
export function tlsOf(
  room: string,
  given: TlsFiles,
  url: { readonly path: string; readonly usesTls: boolean; readonly scheme: string },
  report: Report,
): TlsPems {
  const [first] = Object.keys(given);
  if (first !== undefined && !url.usesTls) {
    report({
      path: `${room}.${first}`,
      involves: [`${room}.${first}`, url.path],
      message: `is set, but ${url.path} has no ${url.scheme}:// URL`,
    });
  }
  if ((given.certFile === undefined) !== (given.keyFile === undefined)) {
    const missing = given.certFile === undefined ? "certFile" : "keyFile";
    report({
      path: `${room}.${missing}`,
      involves: [`${room}.certFile`, `${room}.keyFile`],
      message: "is missing: a client certificate and its private key go together",
    });
  }
  const caPem = pemOf(`${room}.caFile`, given.caFile, report);
  const certPem = pemOf(`${room}.certFile`, given.certFile, report);
  const keyPem = pemOf(`${room}.keyFile`, given.keyFile, report);
  return { ...(caPem && { caPem }), ...(certPem && { certPem }), ...(keyPem && { keyPem }) };
}

/** A writer may be in the middle of it: with half an authority no certificate would be believed. */
function isWhole(pem: string): boolean {
  const count = (mark: string) => pem.split(mark).length - 1;
  return count("-----BEGIN ") > 0 && count("-----BEGIN ") === count("-----END ");
}

/** The content of a PEM file; undefined when none is named, or it is of no use (reported). */
export function pemOf(
  path: string,
  file: string | undefined,
  report: Report,
): SecretSource | undefined {
  if (file === undefined) return undefined;
  try {
    const source = fileSecret(file, isWhole);
    if (source().includes("-----BEGIN ")) return source;
    report({ path, involves: [path], message: "is no PEM file" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const message = code === undefined ? "is an empty file" : `cannot be read (${code})`;
    report({ path, involves: [path], message });
  }
  return undefined;
}
