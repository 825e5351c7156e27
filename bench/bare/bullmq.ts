import { Worker } from "bullmq";
import { Pool } from "undici";
import { childOrder, childReady, QUEUE } from "./child.ts";

/*
 * The same afternoon with a queue library: a job for each command, which BullMQ takes, keeps locked while it runs, and
 * marks as completed; a job whose worker died is run again by another one. All of it is in Redis, with the library's
 * defaults. Here, too, a worker that dies sends the POST again.
 */

const { redisUrl, cloudUrl } = childOrder();
const cloud = new Pool(cloudUrl, { connections: 8 });

const worker = new Worker<{ readonly "os-reinstall": object }>(
  QUEUE,
  async ({ data }) => {
    const posted = await cloud.request({
      path: "/",
      method: "POST",
      body: JSON.stringify({ "os-reinstall": data["os-reinstall"] }),
    });
    await posted.body.json();
    const job = await cloud.request({ path: "/", method: "GET" });
    await job.body.json();
  },
  { connection: { url: redisUrl }, concurrency: 50 },
);
// Both would leave commands without an end; the bench says how many, after its time-out.
for (const event of ["error", "failed"] as const) {
  worker.on(event, (...what: unknown[]) => {
    process.stderr.write(`${event}: ${what.map(String).join(" ")}\n`);
    process.exit(1);
  });
}
await worker.waitUntilReady();
childReady();
