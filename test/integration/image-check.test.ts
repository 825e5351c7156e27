import { afterAll, beforeAll, expect, it } from "vitest";
import { commandId } from "../support/emitter/emitter.ts";
import { type SharedServices, sharedServices } from "../support/services.ts";
import { openStage, type Stage } from "../support/stage.ts";

let services: SharedServices;
let stage: Stage;

beforeAll(async () => {
  services = await sharedServices();
  stage = await openStage({ rabbitMq: services.rabbitMq, redisUrl: services.redis.url });
  await stage.addWorker([], { IMS_ENDPOINT: stage.simulator.url });
});

afterAll(async () => {
  await stage?.close();
  await services?.close();
});

const IMAGE = "11111111-2222-4333-8444-555555555555";

async function outcomeWith(
  more: object = {},
  image?: Parameters<Stage["simulator"]["putImage"]>[0] | "gone",
) {
  const server = stage.simulator.addServer({ state: "SHUTOFF", imageId: IMAGE });
  // A server comes with its image; what is different is different from here on.
  if (image === "gone") stage.simulator.removeImage(IMAGE);
  else stage.simulator.putImage(image ?? { id: IMAGE });
  const id = commandId("image");
  await stage.emitter.send(stage.command(id, server.id, { ...more }));
  const { data } = await stage.emitter.outcome(id);
  return { data, reinstalls: stage.reinstalls(server.id) };
}

it("a server whose image is active and has cloud-init is reinstalled", async () => {
  expect(await outcomeWith()).toMatchObject({ data: { event: "succeeded" }, reinstalls: 1 });
});

it("a server whose image takes no key fails before anything is sent", async () => {
  const image = { id: IMAGE, supportFcInject: "true" } as const;
  expect(await outcomeWith({}, image)).toMatchObject({
    data: { event: "failed", class: "image-unusable" },
    reinstalls: 0,
  });
});

it("a dry run says what is wrong with the image", async () => {
  const { data } = await outcomeWith({ dry_run: true }, "gone");
  expect(data).toMatchObject({ event: "planned", would: "nothing-now" });
  expect(data["checks"]).toContainEqual(
    expect.objectContaining({ check: "image", verdict: "fail" }),
  );
});
