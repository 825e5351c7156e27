import type { CloudAnswer, Refusal } from "../requests/answers.ts";
import type { Effects } from "./fault-schema.ts";

const HTML_PAGE =
  "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad Gateway</h1></center></body>\r\n</html>\r\n";

/** The answer as its faults leave it: first what it says, then how it is written down. */
export function bendAnswer(
  real: CloudAnswer,
  effects: Effects,
  errorAnswer: (refusal: Refusal) => CloudAnswer,
): CloudAnswer {
  const said = overridden(real, effects, errorAnswer);
  const headers: Record<string, string> = { ...said.headers };
  if (effects.redirectTo !== undefined) headers.location = effects.redirectTo;
  if (effects.retryAfterSeconds !== undefined) {
    headers["retry-after"] = String(effects.retryAfterSeconds);
  }
  let body = said.body;
  if (effects.html === true) {
    headers["content-type"] = "text/html";
    body = HTML_PAGE;
  }
  if (effects.truncatedJson === true) body = body.slice(0, Math.floor(body.length / 2));
  if (effects.emptyBody === true) body = "";
  // Blanks after the value are valid JSON: whoever reads it all finds the real answer.
  if (effects.hugeBodyBytes !== undefined) body = body.padEnd(effects.hugeBodyBytes, " ");
  if (effects.contentType !== undefined) headers["content-type"] = effects.contentType;
  return { ...said, headers: { ...headers, ...effects.headers }, body };
}

function overridden(
  real: CloudAnswer,
  effects: Effects,
  errorAnswer: (refusal: Refusal) => CloudAnswer,
): CloudAnswer {
  const { error, status, body, message } = effects;
  if (error !== undefined) {
    return errorAnswer({
      code: error,
      ...(message !== undefined && { message }),
      ...(status !== undefined && { status }),
    });
  }
  return {
    ...real,
    status: status ?? (effects.redirectTo === undefined ? real.status : 307),
    body: body === undefined ? real.body : typeof body === "string" ? body : JSON.stringify(body),
  };
}
