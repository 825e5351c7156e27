import { deflateSync, gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  judgeUserData,
  userDataProblem,
  userDataProblemOn,
} from "../../../../src/core/intake/user-data.ts";

const encoded = (data: string | Uint8Array) => Buffer.from(data).toString("base64");
const onLinux = (data: string | Uint8Array) => userDataProblemOn(encoded(data), "linux")?.code;
const onWindows = (data: string | Uint8Array) => userDataProblemOn(encoded(data), "windows")?.code;
const anywhere = (data: string | Uint8Array) => userDataProblem(encoded(data))?.code;

const SCRIPT = "#!/bin/bash\necho user_test > /home/user.txt";
const CONFIG = "#cloud-config\npackages: [nginx]\n";
const MULTIPART = [
  'Content-Type: multipart/mixed; boundary="b"',
  "MIME-Version: 1.0",
  "",
  "--b",
  "Content-Type: text/cloud-config",
  "",
  "packages: [nginx]",
  "--b--",
].join("\n");

describe("user data that Linux and Windows take", () => {
  it.each([
    ["the example of the API page", SCRIPT],
    ["a cloud-config", CONFIG],
    ["a cloud-config with CRLF", CONFIG.replaceAll("\n", "\r\n")],
    ["a cloud-config without a body", "#cloud-config\n"],
    ["a Jinja template", "## template: jinja\n#cloud-config\n"],
    ["a script of one line", "#!/bin/sh"],
    ["multipart MIME", MULTIPART],
    ["multipart MIME, version first", `MIME-Version: 1.0\n${MULTIPART.replace(/\nMIME.*/, "")}`],
    ["multipart MIME with CRLF", MULTIPART.replaceAll("\n", "\r\n")],
    ["gzip of a cloud-config", gzipSync(CONFIG)],
    ["gzip of multipart MIME", gzipSync(MULTIPART)],
    ["gzip of more than is looked into", gzipSync(Buffer.alloc(5_000_000, "x"))],
    ["letters beyond ASCII", "#cloud-config\nfqdn: Zürich\n"],
  ])("%s", (_what, data) => {
    expect(judgeUserData(encoded(data))).toEqual({ linux: null, windows: null });
  });
});

describe("user data for one system", () => {
  it.each([
    ["#include", "#include\nhttps://example.com/a\n"],
    ["#include-once", "#include-once\nhttps://example.com/a\n"],
    ["#cloud-boothook", "#cloud-boothook\n#!/bin/sh\n"],
    ["#part-handler", "#part-handler\ndef list_types(): pass\n"],
    ["#cloud-config-archive", "#cloud-config-archive\n- a\n"],
    ["#cloud-config-jsonp", "#cloud-config-jsonp\n[]\n"],
    ["other letters of case", "#Cloud-Config\npackages: []\n"],
    ["one MIME part", "MIME-Version: 1.0\nContent-Type: text/cloud-config\n\npackages: []\n"],
  ])("is for Linux: %s", (_what, data) => {
    expect([onLinux(data), onWindows(data)]).toEqual([undefined, "user-data-for-linux"]);
    expect(anywhere(data)).toBeUndefined();
    expect(userDataProblemOn(encoded(data), null)).toBeNull();
  });

  it.each([
    ["rem cmd", "rem cmd\r\necho hi"],
    ["#ps1", "#ps1\nWrite-Host hi"],
    ["#ps1_sysnative", "#ps1_sysnative\r\nWrite-Host hi"],
    ["#ps1_x86", "#ps1_x86\nWrite-Host hi"],
    ["<powershell>", "<powershell>\nWrite-Host hi\n</powershell>"],
    ["<script>", "\r\n<script>\necho hi\n</script>"],
    ["tags after another", "<persist>true</persist>\n<powershell>hi</powershell>"],
    ["tags after a byte order mark", "\uFEFF<powershell>hi</powershell>"],
    ["a certificate", "\n-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"],
    ["gzip of #ps1", gzipSync("#ps1\nWrite-Host hi")],
  ])("is for Windows: %s", (_what, data) => {
    expect([onLinux(data), onWindows(data)]).toEqual(["user-data-for-windows", undefined]);
    expect(anywhere(data)).toBeUndefined();
  });

  it("is for Windows alone as MIME without a version, which cloud-init must have", () => {
    const data = MULTIPART.replace(/MIME-Version.*\n/, "");
    expect([onLinux(data), onWindows(data)]).toEqual(["user-data-no-mime-version", undefined]);
  });
});

describe("user data that nothing reads", () => {
  it.each([
    ["base64 in base64", encoded(SCRIPT), "user-data-encoded-twice"],
    [
      "base64 with line breaks",
      `${encoded(CONFIG).slice(0, 8)}\n${encoded(CONFIG).slice(8)}\n`,
      "user-data-encoded-twice",
    ],
    ["base64 three times", encoded(encoded(CONFIG)), "user-data-encoded-twice"],
    ["base64 of #ps1", encoded("#ps1\nhi"), "user-data-encoded-twice"],
    ["base64 of tags", encoded("<powershell>hi</powershell>"), "user-data-encoded-twice"],
    ["base64 of multipart MIME", encoded(MULTIPART), "user-data-encoded-twice"],
    [
      "base64 of a byte order mark and a script",
      encoded(`\uFEFF${SCRIPT}`),
      "user-data-encoded-twice",
    ],
    ["base64 of gzip", gzipSync(CONFIG).toString("base64"), "user-data-encoded-twice"],
    ["gzip of base64", gzipSync(encoded(CONFIG)), "user-data-encoded-twice"],
    ["gzip of gzip", gzipSync(gzipSync(CONFIG)), "user-data-encoded-twice"],
    ["a byte order mark", `\uFEFF${CONFIG}`, "user-data-bom"],
    ["a byte order mark before a script", `\uFEFF${SCRIPT}`, "user-data-bom"],
    ["a byte order mark before #ps1", "\uFEFF#ps1\nhi", "user-data-bom"],
    ["a byte order mark in gzip", gzipSync(`\uFEFF${CONFIG}`), "user-data-bom"],
    [
      "a byte order mark before a script with tags in it",
      `\uFEFF${SCRIPT}\n<script>`,
      "user-data-bom",
    ],
    ["a blank line", `\n${CONFIG}`, "user-data-leading-blank"],
    ["a blank line, CRLF", `\r\n${SCRIPT}`, "user-data-leading-blank"],
    ["indented text", `    ${CONFIG}`, "user-data-leading-blank"],
    ["a blank line before MIME", `\n${MULTIPART}`, "user-data-leading-blank"],
    ["a blank line before #ps1", "\n#ps1\nhi", "user-data-leading-blank"],
    ["a space", " ", "user-data-empty"],
    ["line ends", "\r\n\r\n", "user-data-empty"],
    ["gzip of nothing", gzipSync(""), "user-data-empty"],
    ["UTF-16 as Windows saves it", Buffer.from(`\uFEFF${CONFIG}`, "utf16le"), "user-data-not-utf8"],
    ["UTF-16 without a mark", Buffer.from(CONFIG, "utf16le"), "user-data-not-utf8"],
    ["Latin-1", Buffer.from("#cloud-config\nfqdn: Zürich\n", "latin1"), "user-data-not-utf8"],
    ["gzip that breaks off", gzipSync(CONFIG).subarray(0, 20), "user-data-broken-gzip"],
    ["gzip with a wrong sum", withWrongSum(gzipSync(CONFIG)), "user-data-broken-gzip"],
    ["zlib", deflateSync(CONFIG), "user-data-unknown-format"],
    ["a zip", Buffer.from("PK\u0003\u0004\xff\xfe", "latin1"), "user-data-unknown-format"],
    ["a program", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff]), "user-data-unknown-format"],
    ["no header", "packages: [nginx]\n", "user-data-unknown-format"],
    ["a comment before it", "# ours\n#cloud-config\n", "user-data-unknown-format"],
    ["a header with a space", "# cloud-config\n", "user-data-unknown-format"],
    ["a header misspelt", "#cloudconfig\n", "user-data-unknown-format"],
    [
      "an Upstart job, which no cloud-init of today reads",
      "#upstart-job\n",
      "user-data-unknown-format",
    ],
    ["JSON text", JSON.stringify(CONFIG), "user-data-unknown-format"],
    ["percent-encoded text", encodeURIComponent(CONFIG), "user-data-unknown-format"],
    ["plain words", "hello", "user-data-unknown-format"],
    ["#ps1 without an end of line", "#ps1", "user-data-unknown-format"],
    [
      "lower-case MIME without a version",
      "content-type: multipart/mixed\n\n",
      "user-data-no-mime-version",
    ],
  ])("%s", (_what, data, code) => {
    expect([anywhere(data), onLinux(data), onWindows(data)]).toEqual([code, code, code]);
  });

  it("is named without a letter of it", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{12,40}$/), (secret) => {
        for (const data of [secret, `\n#!${secret}`, encoded(`#!${secret}`), `#ps1\n${secret}`]) {
          const said = JSON.stringify(judgeUserData(encoded(data)));
          expect(said).not.toContain(secret);
          expect(said).not.toContain(encoded(data));
        }
      }),
    );
  });

  it("is judged whatever it holds", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { linux, windows } = judgeUserData(encoded(bytes));
        expect(linux === null || linux.message.length > 0).toBe(true);
        expect(windows === null || windows.message.length > 0).toBe(true);
      }),
    );
  });
});

function withWrongSum(gzip: Buffer): Buffer {
  const bent = Buffer.from(gzip);
  bent.writeUInt8(bent.readUInt8(bent.length - 6) ^ 0xff, bent.length - 6);
  return bent;
}
