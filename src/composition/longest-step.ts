import type { Config } from "../config/assemble.ts";

/*
 * How long one delivery can be in hand while nothing hangs. Each line counts the waits of the longest step for one outside
 * system, every one of them up to its time-out; no single step has all of them. A pause that the consumer makes before it
 * puts a message back is not part of a step: nothing is in hand then.
 */

/**
 * Requests to the cloud that may be repeated: `restore` makes four (the server, two jobs, the start), one of them may be
 * tried again with new credentials, one may need a token, one may ask for the cloud's time, and two may have to wait for
 * others whose credentials are not proven yet. `watch` makes the last page of a list, which begins within 5 s, and two more.
 */
const CLOUD_REQUESTS = 9;
/** Scripts and looks: the claim, the attempt, the intent, the saved state, the mark "published", and three more tries to store the result of a POST; half may be sent again as text. */
const STORE_COMMANDS = 24;
/** Publications: the events of a step, its next message, and the copy in a delay queue where one of them was refused. Each ends after two confirm time-outs. */
const CONFIRM_TIMEOUTS = 3 * 2;
/** Waits for calls of the request budget (10 s before the look, 10 s between look and POST, 8 s for a call that nobody reserved), and pauses before trying again: all of them together. */
const PAUSES_MS = 30_000;

/**
 * A delivery that is in hand for longer than this many milliseconds hangs. Twice the sum, for a machine that is slow.
 *
 * With the defaults: 9 x 25 s (cloud) + 20 s (POST) + 24 x 2 s (Redis) + 1 s (WAIT) + 6 x 10 s (broker) + 30 s = 384 s,
 * twice that is 768 s. RabbitMQ takes a message away after 30 minutes (`consumer_timeout`).
 */
export function longestStepMs({
  amqp,
  redis,
  cloud,
}: Pick<Config, "amqp" | "redis" | "cloud">): number {
  const { connectMs, headersMs, bodyMs, postMs } = cloud.timeouts;
  const sumMs =
    CLOUD_REQUESTS * (connectMs + headersMs + bodyMs) +
    postMs +
    STORE_COMMANDS * redis.commandTimeoutMs +
    redis.waitTimeoutMs +
    CONFIRM_TIMEOUTS * amqp.confirmTimeoutMs +
    PAUSES_MS;
  return 2 * sumMs;
}
