import {
  createServer,
  request as send,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** How a request is answered in the cloud's place: with everything that it carried, in one of the shapes of the cloud. */
type EchoShape = "service" | "gateway" | "html" | "job-failure" | "cut-short";

interface Echo {
  /** What the request line must match: `/^POST .*reinstallos/`. */
  readonly of: RegExp;
  readonly status: number;
  readonly shape: EchoShape;
  readonly code: string;
  /** Requests to answer so; then it is over. */
  times: number;
}

/** Stands between a worker and the simulator, passes on, and answers some requests with their own words. */
export interface EchoingCloud {
  readonly url: string;
  echo(spec: Echo): void;
  /** How many requests were answered with an echo. */
  echoed(): number;
  /** Values that authenticated a request: tokens, signatures. */
  credentialsSeen(): ReadonlySet<string>;
  close(): Promise<void>;
}

export async function startEchoingCloud(target: string): Promise<EchoingCloud> {
  const echoes: Echo[] = [];
  const seen = new Set<string>();
  let echoed = 0;
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks);
      learn(incoming, seen);
      const line = `${incoming.method} ${incoming.url}`;
      const spec = echoes.find(({ of, times }) => times > 0 && of.test(line));
      if (spec === undefined) return passOn(target, incoming, body, outgoing, seen);
      spec.times -= 1;
      echoed += 1;
      const text = answerOf(spec, incoming, body);
      outgoing.writeHead(spec.status, {
        "content-type": spec.shape === "html" ? "text/html" : "application/json",
        date: new Date().toUTCString(),
      });
      outgoing.end(text);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    echo: (spec) => void echoes.push(spec),
    echoed: () => echoed,
    credentialsSeen: () => seen,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function learn({ headers }: IncomingMessage, seen: Set<string>): void {
  const token = headers["x-auth-token"];
  if (typeof token === "string") seen.add(token);
  const signature = /Signature=(\w+)/.exec(headers.authorization ?? "")?.[1];
  if (signature !== undefined) seen.add(signature);
}

/** The canonical request of a refused signature, and more: a careless gateway quotes the body as well. */
function answerOf({ shape, code }: Echo, { method, url, headers }: IncomingMessage, body: Buffer) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${String(value)}`);
  const payload = body.toString("utf8");
  const said = `verify aksk signature fail, canonicalRequest:${[method, url, ...lines, payload].join("|")}`;
  switch (shape) {
    case "service":
      return JSON.stringify({ error: { code, message: said } });
    case "gateway":
      return JSON.stringify({ error_code: code, error_msg: said, request_id: "r-1" });
    case "html":
      return `<html><body><h1>502 Bad Gateway</h1><pre>${said}</pre></body></html>`;
    case "cut-short":
      return JSON.stringify({ error: { code, message: said } }).slice(0, 400);
    case "job-failure":
      return JSON.stringify({
        status: "FAIL",
        job_id: url?.split("/").at(-1),
        job_type: "reinstallServerWithCloudInit",
        error_code: code,
        fail_reason: said,
        entities: {},
      });
  }
}

function passOn(
  target: string,
  { method = "GET", url = "/", headers }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
  seen: Set<string>,
): void {
  const onward = send(new URL(url, target), { method, headers, agent: false }, (answer) => {
    const token = answer.headers["x-subject-token"];
    if (typeof token === "string") seen.add(token);
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  onward.end(body);
}
