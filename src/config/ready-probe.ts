import { z } from "zod";
import { type FieldMeta, rule } from "./fields.ts";

/** How a reinstalled server is asked whether it answers. */
export type ReadyProbe =
  | { readonly kind: "tcp"; readonly port: number }
  | { readonly kind: "http"; readonly port: number; readonly path: string };

const RULE =
  "must be tcp:PORT or http:PORT/PATH, such as tcp:22 or http:8080/healthz, with a port from 1 to 65535";
const TCP = /^tcp:(?<port>\d{1,5})$/;
/** A path as it goes into a request line: printable ASCII, nothing that a URL cuts off. */
const HTTP = /^http:(?<port>\d{1,5})(?<path>\/[!"$-~]{0,1023})$/;

/** `tcp:22`, `http:8080/healthz`. */
export function readyProbe() {
  return z
    .string({ error: rule(RULE) })
    .transform((value, context): ReadyProbe => {
      const { port: digits, path } = { ...(TCP.exec(value) ?? HTTP.exec(value))?.groups };
      const port = Number(digits);
      if (port >= 1 && port <= 65_535) {
        return path === undefined ? { kind: "tcp", port } : { kind: "http", port, path };
      }
      context.issues.push({ code: "custom", message: RULE, input: value });
      return z.NEVER;
    })
    .meta({ accepts: "`tcp:PORT`, `http:PORT/PATH`" } satisfies FieldMeta);
}
