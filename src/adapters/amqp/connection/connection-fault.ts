import { type OpeningRefusal, vhostOf } from "./opening-refusal.ts";

/*
 * Why a connection did not come about, in words that name the setting to look at. What the library or the broker said
 * stands behind it in brackets: it is what people search for.
 */

/** Did the broker close the connection in answer to `connection.open`? Only the broker can say why. */
export function isOpeningRefused(error: Error): boolean {
  return error.message.startsWith("Expected ConnectionOpenOk; got <ConnectionClose");
}

/** @param user null: not named anywhere, `guest` then */
export function openingFault(url: string, user: string | null, refusal: OpeningRefusal | null) {
  const vhost = `vhost '${vhostOf(url)}'`;
  const who = `user '${user ?? "guest"}'`;
  if (refusal === null) {
    return `the broker does not open ${vhost} for ${who}, and does not say why`;
  }
  const { text } = refusal;
  if (/vhost .* not found/is.test(text)) return `${vhost} does not exist (${text})`;
  if (/connection limit|limit .* reached/i.test(text)) {
    return `a connection limit of ${vhost} or of ${who} is reached (${text})`;
  }
  if (/is down/i.test(text)) return `${vhost} is down (${text})`;
  if (/access to vhost .* refused/is.test(text)) return `${who} has no right on ${vhost} (${text})`;
  return `the broker does not open ${vhost} for ${who} (${text})`;
}

/** A failure to connect, explained where it is a known one. Messages of errors that both IPv4 and IPv6 met are empty. */
export function connectionFault(error: Error, url: string): string {
  const code = codeOf(error);
  const said = saidBy(error, code);
  const { protocol, host } = new URL(url);
  const explained = explain(code, error.message, protocol === "amqps:");
  return explained === null ? said : `${host}: ${explained} (${said})`;
}

function explain(code: string, message: string, tls: boolean): string | null {
  if (/Handshake terminated by server: 403/.test(message)) {
    return "the broker refuses the log-in: wrong user or password";
  }
  if (/SASL mechanism .* is not provided/.test(message)) {
    return "the broker does not offer the log-in with user and password (PLAIN in its auth_mechanisms)";
  }
  if (tls) return explainTls(code);
  if (code === "ECONNRESET" || code === "EPIPE" || /closed abruptly/.test(message)) {
    return "the connection was closed in the handshake: perhaps this port speaks TLS (amqps://), or something else than AMQP";
  }
  return null;
}

function explainTls(code: string): string | null {
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || code === "EPROTO") {
    return "this port does not speak TLS: perhaps it is the plain one (amqp://)";
  }
  if (UNKNOWN_AUTHORITY.has(code)) {
    return "the broker's certificate is signed by an authority that is not in AMQP_TLS_CA_FILE";
  }
  if (code === "CERT_HAS_EXPIRED") return "the broker's certificate has expired";
  if (code === "CERT_NOT_YET_VALID") return "the broker's certificate is not valid yet";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "the broker's certificate is for other names: see AMQP_TLS_SERVERNAME";
  }
  if (code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH") {
    return "AMQP_TLS_CERT_FILE and AMQP_TLS_KEY_FILE do not belong together";
  }
  if (/ALERT.*(CERTIFICATE|UNKNOWN_CA)|HANDSHAKE_FAILURE/.test(code)) {
    return "the broker refuses our client certificate, or misses one (AMQP_TLS_CERT_FILE)";
  }
  return null;
}

/** Of OpenSSL, as Node.js names them. */
const UNKNOWN_AUTHORITY = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** OpenSSL's own lines hold addresses in memory and names of source files. */
function saidBy(error: Error, code: string): string {
  const { reason } = error as { reason?: unknown };
  if (code.startsWith("ERR_SSL") || code.startsWith("ERR_OSSL")) {
    return typeof reason === "string" ? `${code}: ${reason}` : code;
  }
  return error.message === "" ? code || error.name : error.message;
}
