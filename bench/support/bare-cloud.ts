import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** As long as the simulated cloud's view of a server. */
const VIEW = JSON.stringify({ server: { id: "x".repeat(36), text: "x".repeat(2_400) } });
const JOB = JSON.stringify({ job_id: "x".repeat(32) });

/** A web server that answers at once: a GET with 2.4 KiB, a POST with a job. */
export async function startBareCloud(onPost: () => void = () => {}) {
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    request.resume();
    request.once("end", () => {
      if (request.method === "POST") onPost();
      response.setHeader("content-type", "application/json");
      response.end(request.method === "POST" ? JOB : VIEW);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
