import { gunzipSync } from "node:zlib";

/** `USER_DATA_CHECK`: refuse what would be ignored, or say it in `accepted` and go on. */
export type UserDataCheck = "strict" | "lax";
/** What the server runs, by its own metadata (ECS API notes §3.4). */
export type OsType = "linux" | "windows";

/** Why a `user_data` would be ignored. Holds nothing of its content. */
export interface UserDataProblem {
  readonly code:
    | "user-data-empty"
    | "user-data-encoded-twice"
    | "user-data-bom"
    | "user-data-leading-blank"
    | "user-data-not-utf8"
    | "user-data-broken-gzip"
    | "user-data-no-mime-version"
    | "user-data-unknown-format"
    | "user-data-for-linux"
    | "user-data-for-windows";
  readonly message: string;
}

/**
 * Null: what runs at the first start of that system takes it.
 *
 * @internal
 */
export type UserDataVerdict = Readonly<Record<OsType, UserDataProblem | null>>;

export const USER_DATA_PATH = "os-reinstall.metadata.user_data";

/**
 * What cloud-init (Linux) and cloudbase-init (Windows) would do with a `user_data`, by their first look at it. A server is
 * wiped before they read it: what they skip with a warning leaves a server that nobody can log in to.
 *
 * Sources, read in November 2026: cloud-init `handlers/__init__.py` (`INCLUSION_TYPES_MAP`, `type_from_starts_with`) and
 * `user_data.py` (`convert_string`); cloudbase-init `plugins/common/userdata.py` and `userdatautils.py` (`_SCRIPTS`).
 *
 * @internal
 */
export function judgeUserData(base64: string): UserDataVerdict {
  const unpacked = unpack(Buffer.from(base64, "base64"));
  if (unpacked.kind === "too-large") return { linux: null, windows: null };
  if (unpacked.kind === "broken") return both("user-data-broken-gzip");
  const text = utf8(unpacked.bytes);
  if (text === null) return both(diagnoseBytes(unpacked.bytes));
  if (text.trim() === "") return both("user-data-empty");

  const linux = isForCloudInit(text);
  // Tags count anywhere in the text, and may be part of a script for Linux that something stands before.
  const windows = isForCloudbaseInit(text) || (hasTags(text) && !isKnown(afterPreamble(text)));
  if (!linux && !windows) return both(diagnoseText(text));
  const forWindows = isMultipart(text) ? "user-data-no-mime-version" : "user-data-for-windows";
  return {
    linux: linux ? null : problem(forWindows),
    windows: windows ? null : problem("user-data-for-linux"),
  };
}

/** The problem that a `user_data` has on every system; null: one of them takes it. */
export function userDataProblem(base64: string | undefined): UserDataProblem | null {
  if (base64 === undefined) return null;
  const { linux, windows } = judgeUserData(base64);
  return linux !== null && windows !== null ? linux : null;
}

/** The problem that it has on this server; a system that is not known is given the benefit. */
export function userDataProblemOn(
  base64: string | undefined,
  os: OsType | null,
): UserDataProblem | null {
  if (base64 === undefined) return null;
  return os === null ? userDataProblem(base64) : judgeUserData(base64)[os];
}

const MESSAGES: Readonly<Record<UserDataProblem["code"], string>> = {
  "user-data-empty": "holds nothing but white space once decoded: leave the field out instead",
  "user-data-encoded-twice": "is encoded (or compressed) twice: encode it once",
  "user-data-bom":
    "begins with a byte order mark, which hides its first line: save it as UTF-8 without BOM",
  "user-data-leading-blank":
    "has white space or a blank line before its first line: nothing may stand before it",
  "user-data-not-utf8": "must be UTF-8 text (or gzip of it): other encodings are not read",
  "user-data-broken-gzip": "is gzip that cannot be unpacked",
  "user-data-no-mime-version":
    "is a MIME message without MIME-Version in its first 4096 bytes: cloud-init ignores it",
  "user-data-unknown-format":
    "begins with nothing that cloud-init or cloudbase-init knows, e.g. #cloud-config or #!: it would be ignored",
  "user-data-for-linux": "is for cloud-init, and the server runs Windows: it would be ignored",
  "user-data-for-windows": "is for cloudbase-init, and the server runs Linux: it would be ignored",
};

function problem(code: UserDataProblem["code"]): UserDataProblem {
  return { code, message: MESSAGES[code] };
}

function both(code: UserDataProblem["code"]): UserDataVerdict {
  return { linux: problem(code), windows: problem(code) };
}

/** `#include-once`, `#cloud-config-archive` and `#cloud-config-jsonp` begin with one of these. */
const CLOUD_INIT = [
  "#!",
  "#cloud-config",
  "#include",
  "#part-handler",
  "#cloud-boothook",
  "## template: jinja",
];
/** cloud-init looks for the version this far into the data. */
const MIME_HEAD_CHARS = 4096;
const MIME_HEADER = /^[!-9;-~]+:/;

/**
 * Letters of either case. A newer cloud-init skips white space before `#cloud-config`, an older one and the vendor's own
 * page do not, and a script with something before its `#!` runs nowhere: so nothing may stand before the first line.
 */
function isForCloudInit(text: string): boolean {
  const head = text.slice(0, MIME_HEAD_CHARS).toLowerCase();
  if (CLOUD_INIT.some((begin) => head.startsWith(begin))) return true;
  return MIME_HEADER.test(text) && head.includes("mime-version:");
}

/** By the expressions of cloudbase-init: letters as they stand, at the very beginning. `#!` runs in Bash or Python there. */
const CLOUDBASE_INIT = [
  /^#cloud-config(?!-)/,
  /^rem\s+cmd\s/,
  /^#!/,
  /^#(?:ps1|ps1_sysnative|ps1_x86)\s/,
  /^##\s*template:\s*jinja/i,
  /^\s*-----BEGIN CERTIFICATE-----/,
];

function isForCloudbaseInit(text: string): boolean {
  if (CLOUDBASE_INIT.some((begin) => begin.test(text))) return true;
  return MIME_HEADER.test(text) && headersOf(text).includes("Content-Type: multipart");
}

function isMultipart(text: string): boolean {
  return MIME_HEADER.test(text) && /^content-type:\s*multipart/im.test(headersOf(text));
}

function headersOf(text: string): string {
  return text.split(/\r?\n\r?\n/, 1)[0] ?? "";
}

/** EC2's form, with `<powershell>` or `<script>` anywhere. */
function hasTags(text: string): boolean {
  return /<\/?(?:script|powershell)>/.test(text);
}

function isKnown(text: string): boolean {
  return isForCloudInit(text) || isForCloudbaseInit(text);
}

const BOM = "\uFEFF";

function afterPreamble(text: string): string {
  return text.startsWith(BOM) ? text.slice(1).trimStart() : text.trimStart();
}

/** Nobody takes it: which slip is it? */
function diagnoseText(text: string): UserDataProblem["code"] {
  if (isKnown(afterPreamble(text))) {
    return text.startsWith(BOM) ? "user-data-bom" : "user-data-leading-blank";
  }
  if (isMultipart(text)) return "user-data-no-mime-version";
  if (isUtf16(Buffer.from(text.slice(0, 2)))) return "user-data-not-utf8";
  return isBase64Of(text, 1) ? "user-data-encoded-twice" : "user-data-unknown-format";
}

const MOST_LAYERS = 4;

/** Base64, line breaks allowed, of something that is known or base64 again. */
function isBase64Of(text: string, layer: number): boolean {
  const packed = text.replaceAll(/\s/g, "");
  if (packed.length < 4 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(packed)) return false;
  const inner = unpack(Buffer.from(packed, "base64"));
  if (inner.kind !== "bytes") return true;
  const innerText = utf8(inner.bytes);
  if (innerText === null) return isUtf16(inner.bytes);
  if (isKnown(afterPreamble(innerText)) || hasTags(innerText)) return true;
  return layer < MOST_LAYERS && isBase64Of(innerText, layer + 1);
}

function diagnoseBytes(bytes: Buffer): UserDataProblem["code"] {
  if (isGzip(bytes)) return "user-data-encoded-twice";
  if (isUtf16(bytes)) return "user-data-not-utf8";
  const head = bytes.toString("latin1", 0, 4);
  const isPacked = OTHER_PACKERS.some((magic) => head.startsWith(magic));
  // No text holds a zero; a program or an image does.
  return isPacked || bytes.includes(0) ? "user-data-unknown-format" : "user-data-not-utf8";
}

/** zlib, bzip2, xz, zstd, zip: nobody unpacks them. */
const OTHER_PACKERS = [
  "x\x01",
  "x\x5E",
  "x\x9C",
  "x\xDA",
  "BZh",
  "\xFD7zX",
  "(\xB5/\xFD",
  "PK\x03\x04",
];

/** With a byte order mark, or with a zero beside its first letter. */
function isUtf16(bytes: Buffer): boolean {
  const [a, b] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) return true;
  return b !== undefined && (a === 0) !== (b === 0);
}

/** Both unpack gzip, once. More than this is not looked into: 32 KB of it could fill 33 MB. */
const MOST_UNPACKED_BYTES = 4 * 1024 * 1024;

type Unpacked =
  | { readonly kind: "bytes"; readonly bytes: Buffer }
  | { readonly kind: "too-large" }
  | { readonly kind: "broken" };

function unpack(bytes: Buffer): Unpacked {
  if (!isGzip(bytes)) return { kind: "bytes", bytes };
  try {
    const options = { maxOutputLength: MOST_UNPACKED_BYTES };
    return { kind: "bytes", bytes: gunzipSync(bytes, options) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return { kind: code === "ERR_BUFFER_TOO_LARGE" ? "too-large" : "broken" };
  }
}

function isGzip(bytes: Buffer): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Null: it is not UTF-8. Keeps a byte order mark. */
function utf8(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
