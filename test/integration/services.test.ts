import { connect } from "amqplib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SharedServices, sharedServices } from "../support/services.ts";

describe("the shared services", () => {
  let services: SharedServices;
  let others: SharedServices;

  beforeAll(async () => {
    [services, others] = await Promise.all([sharedServices(), sharedServices()]);
  });

  afterAll(async () => {
    await Promise.all([services.close(), others.close()]);
  });

  it("give each test file a vhost of its own", async () => {
    const connection = await connect(services.rabbitMq.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue("mine", { durable: true });
    await connection.close();

    expect((await services.rabbitMq.listQueues()).map(({ name }) => name)).toEqual(["mine"]);
    expect(await others.rabbitMq.listQueues()).toEqual([]);
  });
});
