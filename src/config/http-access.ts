import type { Report } from "./inequalities.ts";
import type { Settings } from "./schema.ts";
import { fileSecret, type SecretSource } from "./secret.ts";

/** How the worker is asked over HTTP. */
export type HttpConfig = Omit<Settings["http"], "apiTokensFile"> & {
  /** Content of the file of tokens, as it is now; there with `api: token` only. */
  readonly apiTokens?: SecretSource;
};

/** So many tokens are read of a file. */
export const MOST_TOKENS = 100;

/** What RFC 6750 lets a bearer token be, and long enough not to be guessed. */
const TOKEN = /^[A-Za-z0-9\-._~+/]{16,256}=*$/;

/** The tokens in a file: one a line; empty lines, and those that begin with `#`, say nothing, nor does what cannot be a token. */
export function tokensIn(text: string): readonly string[] {
  return linesOf(text)
    .filter((line) => TOKEN.test(line))
    .slice(0, MOST_TOKENS);
}

/** Looks at the file of tokens and at the ports. */
export function assembleHttp(
  { apiTokensFile, ...http }: Settings["http"],
  report: Report,
): HttpConfig {
  if (http.metricsPort !== undefined && http.metricsPort !== 0 && http.metricsPort === http.port) {
    report({
      path: "http.metricsPort",
      involves: ["http.metricsPort", "http.port"],
      message: "must differ from HTTP_PORT; without it both are one",
    });
  }
  if (http.api !== "token") return http;
  const apiTokens = tokensOf(apiTokensFile, report);
  return { ...http, ...(apiTokens && { apiTokens }) };
}

function tokensOf(file: string | undefined, report: Report): SecretSource | undefined {
  const path = "http.apiTokensFile";
  const say = (message: string) => report({ path, involves: [path, "http.api"], message });
  if (file === undefined) {
    say("is missing: HTTP_API=token needs the tokens that it lets in");
    return undefined;
  }
  try {
    const source = fileSecret(file);
    const lines = linesOf(source());
    const wrong = lines.findIndex((line) => !TOKEN.test(line));
    if (lines.length === 0) say("holds no token");
    if (wrong >= 0) {
      say(
        `token ${wrong + 1} must be 16-256 characters of A-Z a-z 0-9 - . _ ~ + / and = at its end`,
      );
    }
    if (lines.length > MOST_TOKENS) say(`must hold at most ${MOST_TOKENS} tokens`);
    return source;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    say(code === undefined ? "is an empty file" : `cannot be read (${code})`);
    return undefined;
  }
}

function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
}
