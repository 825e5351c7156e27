import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { type CloudAnswer, errorAnswer } from "./answers.ts";
import { bendAnswer } from "../faults/bent-answer.ts";
import type { CloudState } from "../cloud/cloud-state.ts";
import { type Effects, isExecuted } from "../faults/fault-schema.ts";
import type { RoutedCall } from "./gateway.ts";
import type { Operation } from "./operation.ts";
import type { Target } from "../routes/route.ts";
import { readRequest } from "./read-request.ts";
import type { WireRequest } from "../access/signature.ts";
import { deliver, pause, resetConnection, type Wire } from "./wire.ts";

interface ExchangeParts {
  readonly state: CloudState;
  readonly takeEffects: (target: Target) => Effects;
  readonly countCall: (operation: Operation, serverId: string | undefined) => void;
  /** The refusal of a call that is one too many. */
  readonly overQuota: (
    operation: Operation,
    errorAnswer: RoutedCall["errorAnswer"],
  ) => CloudAnswer | undefined;
  readonly route: (arrival: {
    readonly request: WireRequest;
    readonly requestId: string;
    readonly receivedAtMs: number;
  }) => RoutedCall;
  readonly connectionOf: (socket: Socket) => Socket;
  readonly signal: AbortSignal;
}

/** One request from its first byte to the last byte of its answer, with whatever faults meet it on the way. */
export function createExchange(parts: ExchangeParts) {
  const { state, signal } = parts;

  return async function exchange(request: IncomingMessage, response: ServerResponse) {
    const wire: Wire = { response, connection: parts.connectionOf(request.socket), signal };
    const requestId = randomBytes(16).toString("hex");
    const read = await readRequest(request);
    // The client is gone before its request was complete: nobody has asked for anything.
    if (read.kind === "incomplete") return;
    if (read.kind === "too-large") {
      const refusal = { code: "APIGW.0201", status: 413, message: "Request body too large" };
      await send(wire, errorAnswer(refusal, "gateway", requestId), requestId, {});
      return;
    }
    const { request: arrived } = read;
    state.schedule.catchUp();
    const receivedAtMs = state.schedule.nowMs();
    const call = parts.route({ request: arrived, requestId, receivedAtMs });
    const { operation, serverId } = call.target;
    parts.countCall(operation, serverId);
    const overQuota = parts.overQuota(operation, call.errorAnswer);
    if (overQuota !== undefined) {
      call.refused({}, overQuota.code ?? "quota");
      return await send(wire, overQuota, requestId, {});
    }
    const effects = parts.takeEffects(call.target);

    if (effects.lateExecutionMs !== undefined) {
      state.schedule.at(receivedAtMs + effects.lateExecutionMs, () => call.perform(effects));
      return;
    }
    if (effects.delayBeforeExecutionMs !== undefined) {
      await pause(effects.delayBeforeExecutionMs, signal);
    }
    if (signal.aborted) return;
    state.schedule.catchUp();
    const answer = carryOut(call, effects);
    if (effects.blackHole === true) return;
    if (effects.lostRequest === true || effects.lostReply === true) {
      if (effects.delayBeforeReplyMs !== undefined) await pause(effects.delayBeforeReplyMs, signal);
      resetConnection(wire);
      return;
    }
    if (effects.delayBeforeReplyMs !== undefined) await pause(effects.delayBeforeReplyMs, signal);
    if (signal.aborted) return;
    await send(wire, answer, requestId, effects);
  };

  function carryOut(call: RoutedCall, effects: Effects): CloudAnswer {
    if (isExecuted(effects)) return bendAnswer(call.perform(effects), effects, call.errorAnswer);
    call.refused(effects, effects.error ?? "fault");
    return bendAnswer({ status: 200, headers: JSON_TYPE, body: "" }, effects, call.errorAnswer);
  }

  async function send(wire: Wire, answer: CloudAnswer, requestId: string, effects: Effects) {
    const { sendRequestId } = state.settings;
    const headers = sendRequestId
      ? { "x-request-id": requestId, ...answer.headers }
      : answer.headers;
    await deliver(wire, { ...answer, headers }, state.cloudNowMs(), effects);
  }
}

const JSON_TYPE = { "content-type": "application/json" };
