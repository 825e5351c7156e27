// Run by `helm test`: is the worker alive, ready, and does it tell its metrics?
const { WORKER, READY_TIMEOUT_SECONDS } = process.env;

async function ask(path) {
  const answer = await fetch(WORKER + path, { signal: AbortSignal.timeout(5_000) });
  return { ok: answer.ok, status: answer.status, text: await answer.text() };
}

async function demand(path, holds) {
  const answer = await ask(path);
  if (!answer.ok || !holds(answer.text)) {
    throw new Error(`${path} answers ${answer.status}: ${answer.text.slice(0, 500)}`);
  }
  console.log(`${path}: fine`);
}

await demand("/livez", (text) => text.includes("alive"));
await demand("/metrics", (text) => text.includes("ecs_reinstall_build_info"));

const deadline = Date.now() + Number(READY_TIMEOUT_SECONDS) * 1000;
while (Number(READY_TIMEOUT_SECONDS) > 0) {
  const { ok, text } = await ask("/readyz");
  console.log(`/readyz: ${text}`);
  if (ok) break;
  if (Date.now() > deadline) throw new Error("the worker did not get ready in time");
  await new Promise((done) => setTimeout(done, 1_000));
}
