import { Writable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { oneWriteATurn } from "../../../src/adapters/one-write-a-turn.ts";

function recorded() {
  const writes: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push(chunk.toString());
      done();
    },
    writev(chunks, done) {
      writes.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()).join(""));
      done();
    },
  });
  oneWriteATurn(stream);
  return { stream, writes };
}

test("what is written in one turn goes out together, in its order", async () => {
  const { stream, writes } = recorded();
  stream.write("a");
  await Promise.resolve();
  stream.write("b");
  process.nextTick(() => stream.write("c"));
  expect(writes).toEqual([]);
  await nextTurn();
  expect(writes).toEqual(["abc"]);
});

test("the next turn's is a write of its own: nothing waits for it", async () => {
  const { stream, writes } = recorded();
  stream.write("a");
  await nextTurn();
  stream.write("b");
  await nextTurn();
  expect(writes).toEqual(["a", "b"]);
});

test("an end in the same turn takes what was written with it", async () => {
  const { stream, writes } = recorded();
  stream.write("a");
  stream.end("b");
  await nextTurn();
  expect(writes.join("")).toBe("ab");
  expect(stream.writableFinished).toBe(true);
});

test("each write is confirmed to whoever wrote it", async () => {
  const { stream } = recorded();
  const confirmed: string[] = [];
  stream.write("a", () => confirmed.push("a"));
  stream.write("b", "utf8", () => confirmed.push("b"));
  await nextTurn();
  await nextTurn();
  expect(confirmed).toEqual(["a", "b"]);
});

test("a stream that was destroyed in the meantime is left alone", async () => {
  const { stream, writes } = recorded();
  stream.write("a");
  stream.destroy();
  await nextTurn();
  expect(writes).toEqual([]);
});
