import { execFileSync } from "node:child_process";
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLogOutput, type LogOutput } from "../../../../src/observe/logging/log-output.ts";
import { eventually } from "../../../support/eventually.ts";

let folder: string;
let descriptors: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ecs-log-"));
  descriptors = [];
});

afterEach(() => {
  for (const fd of descriptors) closeSync(fd);
  rmSync(folder, { recursive: true });
});

function opened(path: string, flags: number | string): number {
  const fd = openSync(path, flags);
  descriptors.push(fd);
  return fd;
}

/** A pipe whose reader reads when told to. */
function pipe(maxWaiting?: number) {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(path, constants.O_WRONLY);
  const lost: number[] = [];
  let losses = 0;
  const output: LogOutput = createLogOutput({
    fd,
    ...(maxWaiting === undefined ? {} : { maxWaiting }),
    onLost: () => {
      losses += 1;
    },
    onRecovered(lines) {
      lost.push(lines);
      output.write(`${lines} lost\n`);
    },
  });
  const read = (): string => {
    const buffer = Buffer.alloc(1 << 20);
    try {
      return buffer.toString("utf8", 0, readSync(reader, buffer));
    } catch {
      return "";
    }
  };
  return {
    output,
    read,
    reader,
    recovered: lost,
    losses: () => losses,
    closeReader: () => closeSync(reader),
    close: () => closeSync(fd),
  };
}

const LINE = `${"x".repeat(999)}\n`;

describe("a pipe whose reader", () => {
  it("keeps up has each line before the call returns", () => {
    const { output, read, close, closeReader } = pipe();
    output.write("first\n");
    expect(read()).toBe("first\n");
    output.write("second\n");
    expect(read()).toBe("second\n");
    close();
    closeReader();
  });

  it("stands still never blocks: lines wait, those beyond the limit are lost and counted", async () => {
    const { output, read, losses, recovered, close, closeReader } = pipe(200_000);
    for (let i = 0; i < 500; i++) output.write(LINE);
    expect(losses()).toBeGreaterThan(200);
    const startMs = performance.now();
    await output.flush(50);
    expect(performance.now() - startMs).toBeGreaterThan(40);
    let text = "";
    await eventually(() => {
      text += read();
      return recovered.length > 0 && text.endsWith(" lost\n");
    });
    await output.flush(10_000);
    expect(recovered).toEqual([losses()]);
    const lines = text.split("\n");
    expect(lines.filter((line) => line === LINE.trim())).toHaveLength(500 - losses());
    expect(lines.at(-2)).toBe(`${losses()} lost`);
    close();
    closeReader();
  });

  it("takes a line that is longer than the limit when nothing waits", async () => {
    const { output, read, losses, close, closeReader } = pipe(10);
    output.write(LINE);
    expect(read()).toBe(LINE);
    expect(losses()).toBe(0);
    close();
    closeReader();
  });

  it("is gone loses every line, and nothing else: the descriptor stays ours", async () => {
    const { output, losses, close, closeReader } = pipe();
    closeReader();
    for (let i = 1; i <= 3; i++) {
      output.write(LINE);
      await output.flush(1_000);
      expect(losses()).toBe(i);
    }
    // Closed, it would be somebody else's by now.
    close();
  });
});

describe("a disk", () => {
  it("that is full loses lines, and says how many when it has room again", () => {
    const said: number[] = [];
    let losses = 0;
    const full = createLogOutput({
      fd: opened("/dev/full", "w"),
      onLost: () => {
        losses += 1;
      },
      onRecovered: (lines) => said.push(lines),
    });
    full.write(LINE);
    full.write(LINE);
    expect({ losses, said }).toEqual({ losses: 2, said: [] });
  });

  it("with room has each line before the call returns", async () => {
    const path = join(folder, "log");
    const output = createLogOutput({ fd: opened(path, "w") });
    output.write("first\n");
    output.write("zweite Zeile: ü\n");
    expect(readFileSync(path, "utf8")).toBe("first\nzweite Zeile: ü\n");
    await output.flush(10);
  });
});
