import { z } from "zod";

/** Every answer that is no 200, but for the probes'. */
export const Fault = z.object({
  error: z
    .enum([
      "bad-request",
      "not-found",
      "method-not-allowed",
      "internal",
      "store-away",
      "unauthorized",
    ])
    .describe("for programs"),
  message: z.string().describe("for people; holds no value of the request"),
});
