import { afterAll, beforeAll } from "vitest";
import { ProjectId } from "../../../src/contract/ids.ts";
import { DEFAULT_PROJECT_ID } from "../../../src/simulator/defaults.ts";
import { startSimulator } from "../../../src/simulator/server.ts";
import type { Simulator } from "../../../src/simulator/simulator.ts";
import { type ProjectGateway, startProjectGateway } from "../../support/network/project-gateway.ts";
import { closedAfterEach } from "./setup.ts";

export const A = ProjectId.parse(DEFAULT_PROJECT_ID);
export const B = ProjectId.parse("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb");
export const more = [4, 5, 6, 7, 8, 9].map((n) => ProjectId.parse(`${n}`.repeat(32)));
export const AUTH_OPEN_MS = 300_000;

/** A cloud with eight projects, behind a gateway that may refuse some of them; as new after each test of the file. */
export function manyProjects() {
  let cloud: Simulator;
  let gateway: ProjectGateway;
  beforeAll(async () => {
    const projects = [A, B, ...more].map((id) => ({ id, name: id.slice(0, 4) }));
    cloud = await startSimulator({ projects });
    gateway = await startProjectGateway(cloud.url);
  });
  afterAll(async () => {
    await gateway.close();
    await cloud.close();
  });
  const apis = closedAfterEach(() => {
    cloud.reset();
    gateway.refuseCalls([]);
    gateway.refuseTokens([]);
  });
  return {
    apis,
    get cloud() {
      return cloud;
    },
    get gateway() {
      return gateway;
    },
  };
}
