import { describe, expect, it } from "vitest";
import {
  authorization,
  canonicalRequest,
  encodeRfc3986,
  queryString,
  type SignableRequest,
  sdkDate,
  stringToSign,
} from "../../../../src/adapters/cloud/credentials/signer.ts";

/* ECS API notes §6.5. A-E: the vendor's own signer with a fixed date. F: its published example. */

const HOST = "ecs.eu-west-0.prod-cloud-ocb.orange-business.com";
const PROJECT = "0123456789abcdef0123456789abcdef";
const SERVER = "4f4b3dfa-eb70-47cf-a60a-998a53bd598a";
const KEY = {
  accessKey: "EXAMPLEAK0000000001",
  secretKey: "exampleSecretKeyExampleSecretKey00000001",
};
const DATE = { host: HOST, "x-sdk-date": "20240110T080910Z" };
const FOUR = { ...DATE, "content-type": "application/json", "x-project-id": PROJECT };
const FIVE = { ...FOUR, "x-security-token": "EXAMPLESECURITYTOKEN" };
const REINSTALL = `/v2/${PROJECT}/cloudservers/${SERVER}/reinstallos`;

interface Vector {
  readonly name: string;
  readonly request: SignableRequest;
  readonly key?: typeof KEY;
  readonly signedHeaders: string;
  readonly canonicalHash: string;
  readonly signature: string;
}

const VECTORS: readonly Vector[] = [
  {
    name: "A: a reinstall with a key pair",
    request: {
      method: "POST",
      path: REINSTALL,
      headers: FOUR,
      body: Buffer.from(
        '{"os-reinstall":{"keyname":"KeyPair-350b","userid":"7e25b1da389f4697a79df3a0e5bd494e"}}',
      ),
    },
    signedHeaders: "content-type;host;x-project-id;x-sdk-date",
    canonicalHash: "3502f0f21ffab1705ba3b21a6177188f35529c241e0956f8b8884ebd5a8d25d6",
    signature: "14859f6b545588096782ca928d2276df33e60e5e91f43ad4ca13138d3cad96a6",
  },
  {
    name: "B: a job",
    request: {
      method: "GET",
      path: `/v1/${PROJECT}/jobs/ff80808288d41e1b018990260955686a`,
      headers: FOUR,
    },
    signedHeaders: "content-type;host;x-project-id;x-sdk-date",
    canonicalHash: "35217f373cb7b348509129cbbf0b2175cd35f8c71ab00e9556fe0cecca64f9ee",
    signature: "ea0f4b1f551218f30606ec2046751be81058533cee33d3f3b64d5aa7befa2f1d",
  },
  {
    name: "C: a server, with the fewest headers",
    request: { method: "GET", path: `/v1/${PROJECT}/cloudservers/${SERVER}`, headers: DATE },
    signedHeaders: "host;x-sdk-date",
    canonicalHash: "fde751ca11d67fd6cfd8a07f5906d751727b18b7136505e052fac73b6069158c",
    signature: "5858892c8a18b0d431e86e8aadad9bb6183e572e1a0bcfd363955393d5124686",
  },
  {
    name: "D: a query, and a security token",
    request: {
      method: "GET",
      path: `/v1/${PROJECT}/cloudservers/detail`,
      query: [
        ["status", "ACTIVE"],
        ["name", "web 01"],
        ["limit", "10"],
      ],
      headers: FIVE,
    },
    signedHeaders: "content-type;host;x-project-id;x-sdk-date;x-security-token",
    canonicalHash: "d6f78c10b0083c9323f31f5bb80689359feda38cf328ddf0b7814392f256f497",
    signature: "9b1743fc2e656f5de96d087dba9aa5a599b295b0d70e8920d97bdc564ab6a6ce",
  },
  {
    name: "E: a reinstall with user data, and a security token",
    request: {
      method: "POST",
      path: REINSTALL,
      headers: FIVE,
      body: Buffer.from(
        '{"os-reinstall":{"userid":"7e25b1da389f4697a79df3a0e5bd494e","mode":"withStopServer","metadata":{"user_data":"IyEvYmluL2Jhc2gKZWNobyB1c2VyX3Rlc3QgPiAvaG9tZS91c2VyLnR4dA=="}}}',
      ),
    },
    signedHeaders: "content-type;host;x-project-id;x-sdk-date;x-security-token",
    canonicalHash: "232c7f0564310e8dc509804ce539155d17ee978b15e4a60c56475776674ca03d",
    signature: "4bdc3ea62b3b25b0c38e893adb606b6849d8909e664e7c6cdf76f1a9617d456c",
  },
  {
    name: "F: the published example",
    request: {
      method: "GET",
      path: "/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs",
      query: [
        ["limit", "2"],
        ["marker", "13551d6b-755d-4757-b956-536f674975c0"],
      ],
      headers: {
        "content-type": "application/json",
        host: "service.region.example.com",
        "x-sdk-date": "20191115T033655Z",
      },
    },
    key: {
      accessKey: "QTWAOYTTINDUT2QVKYUC",
      secretKey: "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc",
    },
    signedHeaders: "content-type;host;x-sdk-date",
    canonicalHash: "b25362e603ee30f4f25e7858e8a7160fd36e803bb2dfe206278659d71a9bcd7a",
    signature: "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe",
  },
];

describe("signer", () => {
  it.each(VECTORS)("signs vector $name", (vector) => {
    const { request, key = KEY, signedHeaders, canonicalHash, signature } = vector;
    expect(stringToSign(request)).toBe(
      `SDK-HMAC-SHA256\n${request.headers["x-sdk-date"]}\n${canonicalHash}`,
    );
    expect(authorization(request, key)).toBe(
      `SDK-HMAC-SHA256 Access=${key.accessKey}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    );
  });

  it("writes the canonical request of vector A line by line", () => {
    expect(canonicalRequest(VECTORS[0]?.request as SignableRequest).split("\n")).toEqual([
      "POST",
      `${REINSTALL}/`,
      "",
      "content-type:application/json",
      `host:${HOST}`,
      `x-project-id:${PROJECT}`,
      "x-sdk-date:20240110T080910Z",
      "",
      "content-type;host;x-project-id;x-sdk-date",
      "a603db5ac4fa9364a3a499356a5bdb47bb29cbac247bf758ec0cd38566bf07a0",
    ]);
  });

  it("hashes the bytes of the body, not its characters", () => {
    const of = (body: Uint8Array) =>
      stringToSign({ method: "POST", path: "/", headers: DATE, body });
    expect(of(Buffer.from("é", "utf8"))).not.toBe(of(Buffer.from("é", "latin1")));
  });

  it("keeps an encoded path segment as it is sent", () => {
    const request = { method: "GET", path: "/v1/p/jobs/a%2Fb%20c", headers: DATE };
    expect(canonicalRequest(request).split("\n")[1]).toBe("/v1/p/jobs/a%2Fb%20c/");
  });

  it("encodes and sorts the query the way it is sent", () => {
    expect(
      queryString([
        ["b", "2"],
        ["a", "!'()*"],
        ["a", "~-._ ü"],
        ["c", ""],
      ]),
    ).toBe("a=%21%27%28%29%2A&a=~-._%20%C3%BC&b=2&c=");
  });

  it.each(["\ud83d", "a\ude00b", "\ude00\ud83d"])(
    "encodes half of a character, too: %j",
    (half) => {
      const encoded = encodeRfc3986(half);
      expect(encoded).toContain("%EF%BF%BD");
      const request = { method: "GET", path: `/v1/p/jobs/${encoded}`, headers: FOUR };
      expect(canonicalRequest(request).split("\n")[1]).toBe(`/v1/p/jobs/${encoded}/`);
      expect(queryString([[half, half]])).toBe(`${encoded}=${encoded}`);
    },
  );

  it("rounds the date down to whole seconds", () => {
    expect(sdkDate(Date.UTC(2024, 0, 10, 8, 9, 10, 999))).toBe("20240110T080910Z");
  });

  it("refuses to sign without a date", () => {
    expect(() => stringToSign({ method: "GET", path: "/", headers: { host: HOST } })).toThrow(
      "x-sdk-date",
    );
  });
});
