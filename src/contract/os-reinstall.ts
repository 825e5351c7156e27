import { z } from "zod";

/** `user_data` may hold at most this many bytes before encoding (ECS API notes §1.2: "32 KB", read as 32 768). */
export const MAX_USER_DATA_BYTES = 32_768;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const UserData = z
  .string()
  .min(1, "must not be empty: leave the field out instead")
  .regex(BASE64, "must be standard base64 with padding and without line breaks")
  .refine((text) => decodedBytes(text) <= MAX_USER_DATA_BYTES, {
    error: `must be at most ${MAX_USER_DATA_BYTES} bytes before encoding`,
    params: { rule: "user-data-too-large" },
  });

const Metadata = z
  .object({
    user_data: UserData.optional(),
    BYOL: z.literal("true", { error: 'must be "true", or left out' }).optional(),
    __system__encrypted: z.enum(["0", "1"]).optional(),
    __system__cmkid: z.string().length(36, "must be a KMS key id of 36 characters").optional(),
  })
  .refine((m) => m.__system__cmkid === undefined || m.__system__encrypted === "1", {
    path: ["__system__cmkid"],
    error: 'needs "__system__encrypted": "1"',
    params: { rule: "cmkid-needs-encrypted" },
  });

/**
 * The API's own `os-reinstall` object as the Paris regions take it (ECS API notes §1.2 and §1.3, v2).
 * Both example bodies of the API page are valid as they stand, so a body with `userid` alone is: the
 * login may be what the image already has. `adminpass` is refused, whatever its value: a password
 * does not belong in a message.
 */
export const OsReinstall = z
  .object({
    keyname: z.string().min(1).max(255).optional(),
    userid: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be an IAM user id")
      .optional(),
    mode: z
      .literal("withStopServer", { error: 'must be "withStopServer", or left out' })
      .optional(),
    metadata: Metadata.optional(),
    adminpass: z
      .unknown()
      .refine((value) => value === undefined, {
        error:
          "is refused: a password does not belong in a message; use keyname or metadata.user_data",
        params: { rule: "adminpass-refused" },
      })
      .optional(),
  })
  .refine((body) => body.keyname === undefined || body.userid !== undefined, {
    path: ["userid"],
    error: "is needed with keyname: it names the owner of the key pair",
    params: { rule: "keyname-needs-userid" },
  })
  .refine((body) => Boolean(body.keyname ?? body.userid ?? body.metadata?.user_data), {
    error: "must name at least one of keyname, userid or metadata.user_data",
    params: { rule: "no-login" },
  })
  .transform(({ adminpass: _refused, ...body }) => body);
export type OsReinstall = z.infer<typeof OsReinstall>;

/** Bytes behind a base64 text, by arithmetic: "QQ==" 1, "QUI=" 2, "QUJD" 3. */
function decodedBytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}
