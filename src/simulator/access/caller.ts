import type { Refusal } from "../requests/answers.ts";
import type { KeyVerdict } from "./key-access.ts";
import type { WireRequest } from "./signature.ts";
import type { TokenVerdict } from "./token-access.ts";

/** Who calls: which projects the credentials are good for. */
interface Caller {
  mayUse(projectId: string): boolean;
}

export type CallerVerdict =
  | { readonly kind: "known"; readonly caller: Caller }
  | { readonly kind: "refused"; readonly refusal: Refusal };

interface Access {
  readonly keys: { verify(request: WireRequest): KeyVerdict };
  readonly tokens: { verify(text: string): TokenVerdict };
}

/** ECS accepts a signature or a token (ECS API reference notes §6). */
export function identifyCaller(request: WireRequest, { keys, tokens }: Access): CallerVerdict {
  if (request.headers.has("authorization")) {
    const verdict = keys.verify(request);
    if (verdict.kind === "refused") return verdict;
    const { projectIds } = verdict.credential;
    return known((id) => projectIds?.includes(id) ?? true);
  }
  const text = request.headers.get("x-auth-token");
  if (text === undefined) {
    const message = "Incorrect IAM authentication information: x-auth-token not found";
    return { kind: "refused", refusal: { code: "APIGW.0301", message } };
  }
  const verdict = tokens.verify(text);
  if (verdict.kind === "refused") return verdict;
  const { projectId } = verdict.token;
  return known((id) => id === projectId);
}

function known(mayUse: (projectId: string) => boolean): CallerVerdict {
  return { kind: "known", caller: { mayUse } };
}
