/** A text property, or the name of a header: AMQP writes its length into one byte. */
export function isShortText(text: string): boolean {
  return Buffer.byteLength(text) <= MAX_SHORT_BYTES;
}

/** As much of a text as a text property can carry. */
export function shortText(text: string): string {
  let short = text.slice(0, MAX_SHORT_BYTES);
  while (!isShortText(short)) short = short.slice(0, -1);
  return short;
}

/**
 * Can a header that was read be written again? amqplib reads more than it writes: no NaN, no instant beyond 64 bits, no
 * table with a member `!` (its own mark of a type), nothing as deep as its stack. It throws then, and a command
 * that can never be deferred would come again and again.
 */
export function isCarriable(value: unknown, depth = 0): boolean {
  if (typeof value === "number") return isCarriableNumber(value);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return true;
  if (depth >= MAX_DEPTH) return false;
  if (Array.isArray(value)) return value.every((one) => isCarriable(one, depth + 1));
  if (Object.hasOwn(value, "!")) return isTyped(value as Readonly<Record<string, unknown>>);
  return Object.entries(value).every(
    ([name, member]) => isShortText(name) && isCarriable(member, depth + 1),
  );
}

/** From 2^50 on amqplib writes a 64-bit integer, from 2^63 on a double again. */
function isCarriableNumber(value: number): boolean {
  const isInteger = Number.isInteger(value) && value >= -(2 ** 63);
  return isInteger || Math.abs(value) < 2 ** 50;
}

/** What amqplib reads as a value with its type. */
function isTyped({ "!": type, value }: Readonly<Record<string, unknown>>): boolean {
  switch (type) {
    case "timestamp":
      return Number.isSafeInteger(value) && Number(value) >= 0;
    case "decimal":
      return isDecimal(value);
    default:
      return false;
  }
}

function isDecimal(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { digits, places } = value as Readonly<Record<string, unknown>>;
  const within = (number: unknown, most: number) =>
    Number.isInteger(number) && Number(number) >= 0 && Number(number) <= most;
  return within(digits, 0xffff_ffff) && within(places, 0xff);
}

const MAX_SHORT_BYTES = 255;
/** Nothing that is read of a header is a table of tables. */
export const MAX_DEPTH = 16;
