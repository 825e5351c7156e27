import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A gateway in front of a cloud that refuses some projects: in log-ins, or in calls of the API. */
export interface ProjectGateway {
  readonly url: string;
  /** How log-ins for these projects are answered from now on; null: by the cloud itself. */
  refuseTokens(projects: readonly string[], answer?: GatewayAnswer): void;
  /** The same for calls about these projects. */
  refuseCalls(projects: readonly string[], answer?: GatewayAnswer): void;
  /** Log-ins for this project that came here. */
  logIns(project: string): number;
  /** Calls about this project that came here. */
  calls(project: string): number;
  close(): Promise<void>;
}

interface GatewayAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** As IAM answers who may do nothing in a project: it does not say what is wrong. */
const UNAUTHORIZED: GatewayAnswer = {
  status: 401,
  body: {
    error: {
      code: 401,
      message: "The request you have made requires authentication.",
      title: "Unauthorized",
    },
  },
};

export async function startProjectGateway(cloudUrl: string): Promise<ProjectGateway> {
  const tokens = new Map<string, GatewayAnswer>();
  const calls = new Map<string, GatewayAnswer>();
  const seen = new Map<string, number>();
  const count = (key: string) => seen.set(key, (seen.get(key) ?? 0) + 1);
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing));

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const isLogIn = incoming.url?.startsWith("/v3/auth/tokens") === true;
    const project = projectOf(isLogIn ? body.toString("utf8") : (incoming.url ?? ""));
    count(`${isLogIn ? "token" : "call"} ${project}`);
    const instead = (isLogIn ? tokens : calls).get(project);
    if (instead !== undefined) {
      outgoing.writeHead(instead.status, { "content-type": "application/json" });
      outgoing.end(JSON.stringify(instead.body));
      return;
    }
    const onward = request(
      new URL(incoming.url ?? "/", cloudUrl),
      { method: incoming.method, headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on("error", () => outgoing.destroy());
    onward.end(body);
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const refuse =
    (map: Map<string, GatewayAnswer>) =>
    (projects: readonly string[], answer: GatewayAnswer = UNAUTHORIZED) => {
      map.clear();
      for (const project of projects) map.set(project, answer);
    };
  return {
    url: `http://127.0.0.1:${port}`,
    refuseTokens: refuse(tokens),
    refuseCalls: refuse(calls),
    logIns: (project) => seen.get(`token ${project}`) ?? 0,
    calls: (project) => seen.get(`call ${project}`) ?? 0,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function projectOf(text: string): string {
  return /[0-9a-f]{32}/.exec(text)?.[0] ?? "";
}
