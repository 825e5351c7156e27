// unzip-one.mjs ARCHIVE ENTRY FILE: takes one file out of a zip archive, on machines without unzip.
import { readFileSync, writeFileSync } from "node:fs";
import { inflateRawSync } from "node:zlib";

const [archive, wanted, file] = process.argv.slice(2);
const zip = readFileSync(archive);
// The end record stands last, behind it only a comment of at most 65 535 bytes.
const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
if (end < 0) throw new Error(`${archive} is no zip archive`);
const count = zip.readUInt16LE(end + 10);
let at = zip.readUInt32LE(end + 16);
for (let index = 0; index < count; index += 1) {
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) =>
    zip.readUInt16LE(at + o),
  );
  const name = zip.toString("utf8", at + 46, at + 46 + nameLength);
  if (name === wanted) {
    const method = zip.readUInt16LE(at + 10);
    const size = zip.readUInt32LE(at + 20);
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const data = zip.subarray(start, start + size);
    if (method !== 0 && method !== 8) throw new Error(`${wanted} is packed by method ${method}`);
    writeFileSync(file, method === 8 ? inflateRawSync(data) : data);
    process.exit(0);
  }
  at += 46 + nameLength + extraLength + commentLength;
}
throw new Error(`${archive} has no ${wanted}`);
