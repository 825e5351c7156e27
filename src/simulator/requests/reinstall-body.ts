import { z } from "zod";
import type { Refusal } from "./answers.ts";
import type { Settings } from "../options.ts";

/** What a valid body asks for, as far as the simulator cares; never its `user_data`. */
interface ReinstallWish {
  readonly stopsServer: boolean;
}

export type ReadWish =
  | { readonly kind: "wish"; readonly wish: ReinstallWish }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/**
 * Reads the body of the v2 call as Paris documents it, contradictions resolved as in ECS API reference notes §1.2 and
 * §1.3: both example bodies of the page are valid, `mode` is known, and unknown fields are ignored.
 */
export function readReinstallBody(body: Uint8Array, settings: Settings): ReadWish {
  const refused = (code: string, message?: string): ReadWish => ({
    kind: "refused",
    refusal: { code, ...(message !== undefined && { message }) },
  });
  if (body.length === 0) return refused("Common.0002");
  const json = parseJson(body);
  if (json === undefined) return refused("Ecs.0005", "The request body is not valid JSON.");
  const wrapped = wrapper.safeParse(json);
  if (!wrapped.success) return refused("Ecs.0000", "The os-reinstall object is missing.");
  const parsed = osReinstall.safeParse(wrapped.data["os-reinstall"]);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return refused("Ecs.0005", `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "invalid"}`);
  }
  const problem = problemOf(parsed.data, settings);
  if (problem !== undefined) return { kind: "refused", refusal: problem };
  return { kind: "wish", wish: { stopsServer: parsed.data.mode !== undefined } };
}

const MAX_USER_DATA_BYTES = 32_768;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const wrapper = z.looseObject({ "os-reinstall": z.looseObject({}) });

const osReinstall = z.looseObject({
  keyname: z.string().min(1).optional(),
  userid: z.string().min(1).optional(),
  adminpass: z.string().optional(),
  mode: z.literal("withStopServer").optional(),
  metadata: z
    .looseObject({
      user_data: z
        .string()
        .regex(BASE64, "not standard base64 with padding")
        .refine(
          (text) => Buffer.from(text, "base64").length <= MAX_USER_DATA_BYTES,
          "longer than 32 KB before encoding",
        )
        .optional(),
      // Any other value is rejected as illegal (§1.2).
      BYOL: z.literal("true").optional(),
      __system__encrypted: z.string().optional(),
      __system__cmkid: z.string().optional(),
    })
    .optional(),
});
type OsReinstall = z.infer<typeof osReinstall>;

/** The combination rules of §1.3, and the codes of §5.2 that fit their breach. */
function problemOf(wish: OsReinstall, settings: Settings): Refusal | undefined {
  const { keyname, userid, adminpass, metadata } = wish;
  if (keyname !== undefined && adminpass !== undefined) {
    return { code: "Ecs.0005", message: "keyname and adminpass exclude each other." };
  }
  if (userid === undefined && (keyname !== undefined || settings.userIdMandatory)) {
    return { code: "Ecs.0005", message: "userid is missing." };
  }
  if (adminpass !== undefined && isWeak(adminpass)) return { code: "Ecs.0011" };
  if (keyname !== undefined && settings.keyPairs?.includes(keyname) === false) {
    return { code: "Ecs.0314" };
  }
  return encryptionProblem(metadata ?? {});
}

function encryptionProblem({
  __system__encrypted: encrypted,
  __system__cmkid: keyId,
}: NonNullable<OsReinstall["metadata"]>): Refusal | undefined {
  const known = encrypted === undefined || encrypted === "0" || encrypted === "1";
  const keyFits = keyId === undefined || (encrypted === "1" && keyId.length === 36);
  return known && keyFits ? undefined : { code: "Ecs.0912" };
}

function isWeak(password: string): boolean {
  const classes = [/[A-Z]/, /[a-z]/, /[0-9]/, /[!@$%^\-_=+[{}\]:,./?~#*]/];
  const used = classes.filter((one) => one.test(password)).length;
  return password.length < 8 || password.length > 26 || used < 3;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}
