import { z } from "zod";

/** `user_data` may hold at most this many bytes before encoding (ECS API notes §1.2: "32 KB", read as 32 768). */
const MAX_USER_DATA_BYTES = 32_768;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const BASE64_RULE = "must be standard base64 with padding and without line breaks";
const KEY_NAME = "must be the name of a key pair: a text of 1-255 characters";
const USER_ID = "must be an IAM user id: 1-64 characters of A-Z a-z 0-9 _ -";
const KMS_KEY = "must be a KMS key id of 36 characters";

export const ADMINPASS_REFUSED =
  "is refused: a password does not belong in a message; use keyname or metadata.user_data";

const UserData = z
  .string({ error: BASE64_RULE })
  .min(1, "must not be empty: leave the field out instead")
  .regex(BASE64, BASE64_RULE)
  .refine((text) => decodedBytes(text) <= MAX_USER_DATA_BYTES, {
    error: `must be at most ${MAX_USER_DATA_BYTES} bytes before encoding`,
    params: { rule: "user-data-too-large" },
  })
  .describe(
    "standard base64 with padding of at most 32 768 bytes; its format is checked (docs/messages.md)",
  );

/** The members of `metadata`, each with its own rule. */
export const MetadataFields = z.object(
  {
    user_data: UserData.optional(),
    BYOL: z
      .literal("true", { error: 'must be "true" (a text), or left out' })
      .optional()
      .describe("bring your own licence"),
    __system__encrypted: z
      .enum(["0", "1"], { error: 'must be "0" or "1" (a text), or left out' })
      .optional()
      .describe("encrypt the system disk"),
    __system__cmkid: z
      .string({ error: KMS_KEY })
      .length(36, KMS_KEY)
      .optional()
      .describe("id of the KMS key for it"),
  },
  { error: "must be an object" },
);

const Metadata = MetadataFields.refine(
  (m) => m.__system__cmkid === undefined || m.__system__encrypted === "1",
  {
    path: ["__system__cmkid"],
    error: 'needs "__system__encrypted": "1"',
    params: { rule: "cmkid-needs-encrypted" },
  },
).meta({
  dependentSchemas: {
    __system__cmkid: {
      properties: { __system__encrypted: { const: "1" } },
      required: ["__system__encrypted"],
    },
  },
});

/** The members of `os-reinstall`, each with its own rule. */
export const OsReinstallFields = z.object(
  {
    keyname: z
      .string({ error: KEY_NAME })
      .min(1, KEY_NAME)
      .max(255, KEY_NAME)
      .optional()
      .describe("name of an SSH key pair; needs `userid`"),
    userid: z
      .string({ error: USER_ID })
      .regex(/^[A-Za-z0-9_-]{1,64}$/, USER_ID)
      .optional()
      .describe("id of the IAM user who owns the key pair"),
    mode: z
      .literal("withStopServer", { error: 'must be "withStopServer", or left out' })
      .optional()
      .describe("a running server is stopped first, with it or (by default) without"),
    metadata: Metadata.optional().describe("the API's own metadata"),
    adminpass: z
      .unknown()
      .refine((value) => value === undefined, {
        error: ADMINPASS_REFUSED,
        params: { rule: "adminpass-refused" },
      })
      .optional()
      .meta({
        not: {},
        description: "refused, whatever its value: a password does not belong in a message",
      }),
  },
  { error: "must be the API's object" },
);

/**
 * The API's own `os-reinstall` object as the Paris regions take it (ECS API notes §1.2 and §1.3, v2).
 * Both example bodies of the API page are valid as they stand, so a body with `userid` alone is: the
 * login may be what the image already has. `adminpass` is refused, whatever its value: a password
 * does not belong in a message.
 */
export const OsReinstall = OsReinstallFields.refine(
  (body) => body.keyname === undefined || body.userid !== undefined,
  {
    path: ["userid"],
    error: "is needed with keyname: it names the owner of the key pair",
    params: { rule: "keyname-needs-userid" },
  },
)
  .refine((body) => Boolean(body.keyname ?? body.userid ?? body.metadata?.user_data), {
    error: "must name at least one of keyname, userid or metadata.user_data",
    params: { rule: "no-login" },
  })
  .transform(({ adminpass: _refused, ...body }) => body)
  .meta({
    description: "the cloud API's own object",
    dependentRequired: { keyname: ["userid"] },
    anyOf: [
      { required: ["keyname"] },
      { required: ["userid"] },
      { required: ["metadata"], properties: { metadata: { required: ["user_data"] } } },
    ],
  });
export type OsReinstall = z.infer<typeof OsReinstall>;

/** Bytes behind a base64 text, by arithmetic: "QQ==" 1, "QUI=" 2, "QUJD" 3. */
function decodedBytes(base64: string): number {
  const padding = base64.endsWith("==") ? 2 : base64.endsWith("=") ? 1 : 0;
  return (base64.length / 4) * 3 - padding;
}
