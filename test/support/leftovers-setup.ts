import { afterAll } from "vitest";
import { expectNoLeftovers } from "./leftovers.ts";

// As a setup file of a vitest project: every test file of the project is held to it. Hooks run last in, first out,
// and this one is the first: the file's own come before.
afterAll(expectNoLeftovers);
