// Loaded into a worker before it starts (NODE_OPTIONS): its wall clock differs from the machine's by the milliseconds in the
// file CLOCK_FILE, which a test may change at any time. The monotonic clock goes on, as it does on a machine.
import { readFileSync } from "node:fs";

const READ_MS = 10;
const MachineDate = Date;
let shiftMs = 0;
let readAtMs = Number.NEGATIVE_INFINITY;

function shift() {
  if (performance.now() - readAtMs < READ_MS) return shiftMs;
  readAtMs = performance.now();
  shiftMs = Number(readFileSync(process.env.CLOCK_FILE, "utf8"));
  return shiftMs;
}

globalThis.Date = class extends MachineDate {
  constructor(...given) {
    super(...(given.length === 0 ? [MachineDate.now() + shift()] : given));
  }
  static now() {
    return MachineDate.now() + shift();
  }
};
