import { AKSKSigner } from "@huaweicloud/huaweicloud-sdk-core/auth/AKSKSigner.js";
import { BasicCredentials } from "@huaweicloud/huaweicloud-sdk-core/auth/BasicCredentials.js";
import { assert, dictionary, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canonicalRequest,
  contentHashHolds,
  parseAuthorization,
  parseSdkDate,
  sameSignature,
  sha256Hex,
  sign,
  signedHeadersProblem,
  type WireRequest,
} from "../../../src/simulator/access/signature.ts";

const AK = "EXAMPLEAK0000000001";
const SK = "exampleSecretKeyExampleSecretKey00000001";
const DATE = "20240110T080910Z";
const HOST = "ecs.eu-west-0.prod-cloud-ocb.orange-business.com";
const P = "0123456789abcdef0123456789abcdef";
const S = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const JSON_TYPE: [string, string] = ["content-type", "application/json"];
const TOKEN: [string, string] = ["x-security-token", "EXAMPLESECURITYTOKEN"];
const REINSTALL = `/v2/${P}/cloudservers/${S}/reinstallos`;

function wire(method: string, target: string, headers: [string, string][], body = ""): WireRequest {
  return { method, target, headers: new Map(headers), body: Buffer.from(body) };
}

const common: [string, string][] = [
  ["host", HOST],
  ["x-project-id", P],
  ["x-sdk-date", DATE],
];

/** ECS API reference notes §6.5. */
const VECTORS: readonly (readonly [string, WireRequest, string, string, string])[] = [
  [
    "A",
    wire(
      "POST",
      REINSTALL,
      [JSON_TYPE, ...common],
      '{"os-reinstall":{"keyname":"KeyPair-350b","userid":"7e25b1da389f4697a79df3a0e5bd494e"}}',
    ),
    "content-type;host;x-project-id;x-sdk-date",
    "3502f0f21ffab1705ba3b21a6177188f35529c241e0956f8b8884ebd5a8d25d6",
    "14859f6b545588096782ca928d2276df33e60e5e91f43ad4ca13138d3cad96a6",
  ],
  [
    "B",
    wire("GET", `/v1/${P}/jobs/ff80808288d41e1b018990260955686a`, [JSON_TYPE, ...common]),
    "content-type;host;x-project-id;x-sdk-date",
    "35217f373cb7b348509129cbbf0b2175cd35f8c71ab00e9556fe0cecca64f9ee",
    "ea0f4b1f551218f30606ec2046751be81058533cee33d3f3b64d5aa7befa2f1d",
  ],
  [
    "C",
    wire("GET", `/v1/${P}/cloudservers/${S}`, common),
    "host;x-sdk-date",
    "fde751ca11d67fd6cfd8a07f5906d751727b18b7136505e052fac73b6069158c",
    "5858892c8a18b0d431e86e8aadad9bb6183e572e1a0bcfd363955393d5124686",
  ],
  [
    "D",
    wire("GET", `/v1/${P}/cloudservers/detail?status=ACTIVE&name=web%2001&limit=10`, [
      JSON_TYPE,
      ...common,
      TOKEN,
    ]),
    "content-type;host;x-project-id;x-sdk-date;x-security-token",
    "d6f78c10b0083c9323f31f5bb80689359feda38cf328ddf0b7814392f256f497",
    "9b1743fc2e656f5de96d087dba9aa5a599b295b0d70e8920d97bdc564ab6a6ce",
  ],
  [
    "E",
    wire(
      "POST",
      REINSTALL,
      [JSON_TYPE, ...common, TOKEN],
      '{"os-reinstall":{"userid":"7e25b1da389f4697a79df3a0e5bd494e","mode":"withStopServer","metadata":{"user_data":"IyEvYmluL2Jhc2gKZWNobyB1c2VyX3Rlc3QgPiAvaG9tZS91c2VyLnR4dA=="}}}',
    ),
    "content-type;host;x-project-id;x-sdk-date;x-security-token",
    "232c7f0564310e8dc509804ce539155d17ee978b15e4a60c56475776674ca03d",
    "4bdc3ea62b3b25b0c38e893adb606b6849d8909e664e7c6cdf76f1a9617d456c",
  ],
];

describe("the signature verifier", () => {
  it.each(VECTORS)("agrees with test vector %s", (_, request, names, hash, signature) => {
    const canonical = canonicalRequest(request, names.split(";"));
    expect(sha256Hex(canonical)).toBe(hash);
    expect(sign(canonical, DATE, SK)).toBe(signature);
  });

  it("agrees with test vector F, the published example", () => {
    const marker = "13551d6b-755d-4757-b956-536f674975c0";
    const date = "20191115T033655Z";
    const request = wire(
      "GET",
      `/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs?limit=2&marker=${marker}`,
      [JSON_TYPE, ["host", "service.region.example.com"], ["x-sdk-date", date]],
    );
    const canonical = canonicalRequest(request, ["content-type", "host", "x-sdk-date"]);
    expect(sha256Hex(canonical)).toBe(
      "b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a",
    );
    expect(sign(canonical, date, "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc")).toBe(
      "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
    );
  });

  it("writes the canonical request of vector A as the notes print it", () => {
    const [, request, names] = VECTORS[0] ?? [];
    if (request === undefined || names === undefined) throw new Error("no vector A");
    expect(canonicalRequest(request, names.split(";"))).toBe(
      [
        "POST",
        `${REINSTALL}/`,
        "",
        "content-type:application/json",
        `host:${HOST}`,
        `x-project-id:${P}`,
        `x-sdk-date:${DATE}`,
        "",
        "content-type;host;x-project-id;x-sdk-date",
        "a603db5ac4fa9364a3a499356a5bdb47bb29cbac247bf758ec0cd38566bf07a0",
      ].join("\n"),
    );
  });

  it("agrees with the vendor's signer on any query and body", () => {
    const text = string({ unit: "grapheme", minLength: 1, maxLength: 8 });
    const credential = new BasicCredentials().withAk(AK).withSk(SK);
    assert(
      property(dictionary(text, text), dictionary(text, text), (queryParams, data) => {
        const path = `/v1/${P}/jobs/j`;
        const headers = { "content-type": "application/json", "X-Sdk-Date": DATE };
        const signed = AKSKSigner.sign(
          { endpoint: `https://${HOST}${path}`, method: "POST", headers, queryParams, data },
          credential,
        ) as Record<string, string>;
        const query = Object.entries(queryParams).map(
          ([k, v]) => `${encodeURIComponent(k)}=${encodeURIComponent(v)}`,
        );
        const request = wire(
          "POST",
          `${path}?${query.join("&")}`,
          [JSON_TYPE, ["host", HOST], ["x-sdk-date", DATE]],
          JSON.stringify(data),
        );
        const parsed = parseAuthorization(signed.Authorization ?? "");
        const canonical = canonicalRequest(request, parsed?.signedHeaders ?? []);
        expect(sign(canonical, DATE, SK)).toBe(parsed?.signature);
      }),
    );
  });

  it.each([
    ["a comma after the algorithm", "SDK-HMAC-SHA256, Access=a, SignedHeaders=b, Signature="],
    ["another algorithm", "V11-HMAC-SHA256 Access=a, SignedHeaders=b, Signature="],
    ["parts without a space", "SDK-HMAC-SHA256 Access=a,SignedHeaders=b,Signature="],
  ])("does not read an Authorization header with %s", (_, start) => {
    expect(parseAuthorization(start + "0".repeat(64))).toBeUndefined();
  });

  it.each([
    [["host"], "x-sdk-date is not signed"],
    [["x-sdk-date", "host"], expect.stringContaining("not sorted")],
    [["Host", "x-sdk-date"], expect.stringContaining("lower case")],
    [["host", "host", "x-sdk-date"], expect.stringContaining("not sorted")],
    [["host", "x-sdk-date"], undefined],
  ])("judges the signed headers %j", (names, problem) => {
    expect(signedHeadersProblem(names)).toEqual(problem);
  });

  it.each([
    ["20240110T080910Z", Date.UTC(2024, 0, 10, 8, 9, 10)],
    ["2024-01-10T08:09:10Z", undefined],
    ["20241310T080910Z", undefined],
    ["20240110T080910", undefined],
  ])("reads %s as an instant", (text, atMs) => {
    expect(parseSdkDate(text)).toBe(atMs);
  });

  it("takes the content hash header at its word for the signature, but not against the body", () => {
    const hash = (value: string) => wire("POST", "/", [["x-sdk-content-sha256", value]], "body");
    expect(canonicalRequest(hash("UNSIGNED-PAYLOAD"), []).endsWith("UNSIGNED-PAYLOAD")).toBe(true);
    expect(contentHashHolds(hash("UNSIGNED-PAYLOAD"))).toBe(true);
    expect(contentHashHolds(hash(sha256Hex("body")))).toBe(true);
    expect(contentHashHolds(hash(sha256Hex("other")))).toBe(false);
  });

  it("tells equal signatures from others, whatever their length", () => {
    expect(sameSignature("ab", "ab")).toBe(true);
    expect(sameSignature("ab", "ac")).toBe(false);
    expect(sameSignature("ab", "abc")).toBe(false);
  });
});
