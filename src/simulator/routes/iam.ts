import { z } from "zod";
import { type CloudAnswer, errorAnswer, jsonAnswer } from "../requests/answers.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { type Call, jsonOf, path, type Route } from "./route.ts";
import { sameSignature } from "../access/signature.ts";
import type { createTokenAccess, TokenRecord } from "../access/token-access.ts";

/** Getting a token and finding a project id: ECS API reference notes §6.1 and §6.4. */
export function iamRoutes(
  state: CloudState,
  tokens: ReturnType<typeof createTokenAccess>,
): Route[] {
  const { settings } = state;
  const { logIns } = tokens;

  function logIn(call: Call): CloudAnswer {
    const parsed = authBody.safeParse(jsonOf(call.request.body));
    if (!parsed.success) return call.refuse({ code: "400", message: "Invalid request body." });
    const { identity, scope } = parsed.data.auth;
    const { user } = identity.password;
    if (logIns.isLocked(user.name)) return call.refuse({ code: "IAM.0061" });
    const { name, password, domain } = settings.iamUser;
    const known = user.name === name && user.domain.name === domain;
    if (!known || !sameSignature(user.password, password)) {
      logIns.failed(user.name);
      return call.refuse({ code: "IAM.0062" });
    }
    logIns.succeeded(user.name);
    // With a project and a domain the project wins (§6.1).
    const wanted = scope?.project;
    const project = settings.projects.find(
      (one) => one.id === wanted?.id || (wanted?.id === undefined && one.name === wanted?.name),
    );
    if (wanted !== undefined && project === undefined) {
      const refusal = { code: "401", status: 401, message: "The project cannot be found." };
      return errorAnswer(refusal, "keystone", call.requestId);
    }
    const { text, token } = tokens.issue(project?.id ?? null);
    const body = tokenBody(token, project, name, domain);
    const catalog = call.query.has("nocatalog") ? [] : catalogOf(call, project?.id);
    const answer = jsonAnswer(201, { token: { ...body, catalog } });
    return { ...answer, headers: { ...answer.headers, "x-subject-token": text } };
  }

  return [
    {
      method: "POST",
      pattern: path("/v3/auth/tokens"),
      shape: "keystone",
      access: "none",
      target: () => ({ operation: "token" }),
      answer: logIn,
    },
    {
      method: "GET",
      pattern: path("/v3/projects"),
      shape: "keystone",
      access: "any",
      target: () => ({ operation: "project" }),
      answer({ query }) {
        const name = query.get("name");
        const found = settings.projects.filter((one) => name === null || one.name === name);
        const projects = found.map((one) => ({ ...one, ...PROJECT_REST }));
        return jsonAnswer(200, { projects, links: { next: null, previous: null } });
      },
    },
  ];
}

const authBody = z.object({
  auth: z.object({
    identity: z.object({
      methods: z.tuple([z.literal("password")]),
      password: z.object({
        user: z.object({
          name: z.string(),
          password: z.string(),
          domain: z.object({ name: z.string() }),
        }),
      }),
    }),
    scope: z
      .object({
        project: z.object({ id: z.string().optional(), name: z.string().optional() }).optional(),
      })
      .optional(),
  }),
});

const DOMAIN_ID = "d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0";
const PROJECT_REST = {
  domain_id: DOMAIN_ID,
  parent_id: DOMAIN_ID,
  enabled: true,
  is_domain: false,
  description: "",
};

function tokenBody(
  token: TokenRecord,
  project: { readonly id: string; readonly name: string } | undefined,
  userName: string,
  domainName: string,
) {
  const domain = { id: DOMAIN_ID, name: domainName };
  return {
    methods: ["password"],
    issued_at: microsecondsStamp(token.issuedMs),
    expires_at: microsecondsStamp(token.expiresMs),
    user: { id: "11112222333344445555666677778888", name: userName, domain },
    roles: [{ id: "0", name: "te_admin" }],
    ...(project !== undefined && { project: { ...project, domain } }),
  };
}

/** ISO 8601 with microseconds and `Z` (§6.1). */
function microsecondsStamp(atMs: number): string {
  return new Date(atMs).toISOString().replace("Z", "000Z");
}

function catalogOf(call: Call, projectId = "") {
  const host = call.request.headers.get("host") ?? "";
  return ["ecs", "iam", "ims", "evs"].map((type) => ({
    type,
    name: type,
    id: type,
    endpoints: [
      {
        id: `${type}-1`,
        interface: "public",
        region: "eu-west-0",
        region_id: "eu-west-0",
        url: `https://${host}/${projectId}`,
      },
    ],
  }));
}
