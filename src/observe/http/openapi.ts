import { STATUS_CODES } from "node:http";
import { z } from "zod";
import type { Route } from "./route.ts";

/** The description of these routes: OpenAPI 3.1, whose schemas are JSON Schema 2020-12. */
export function openApi(routes: readonly Route[]): object {
  return {
    openapi: "3.1.0",
    info: {
      title: "ecs-reinstall-worker",
      version: "1",
      description:
        "What a worker knows: read-only, without secrets. Members may be added within a version (docs/contract/README.md).",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "http://localhost:8080", description: "HTTP_PORT of a worker" }],
    // With HTTP_API=open whoever reaches the port may read; with HTTP_API=token who brings one; probes always answer.
    security: [{}, { bearer: [] }, { password: [] }],
    components: {
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "with HTTP_API=token" },
        password: {
          type: "http",
          scheme: "basic",
          description: "the same for browsers: any name, and the token as the password",
        },
      },
    },
    paths: Object.fromEntries(routes.map((route) => [template(route.path), { get: page(route) }])),
  };
}

/** The path as OpenAPI writes it: `/v1/commands/{id}`. */
function template(path: string): string {
  return path.replaceAll(/:(\w+)/g, "{$1}");
}

function page({ path, summary, params, query, answers }: Route): object {
  return {
    operationId: path.replaceAll(/\W+/g, " ").trim().replaceAll(" ", "-"),
    summary,
    parameters: [...parameters("path", params), ...parameters("query", query)],
    responses: Object.fromEntries(
      Object.entries(answers).map(([status, { says, body }]) => [
        status,
        { description: `${STATUS_CODES[status]}: ${says}`, content: content(body) },
      ]),
    ),
  };
}

function content(body: z.ZodType | string): object {
  if (typeof body === "string") return { [body]: { schema: { type: "string" } } };
  return { "application/json": { schema: schemaOf(body) } };
}

function parameters(place: "path" | "query", shape: z.ZodObject | undefined): object[] {
  return Object.entries(shape?.shape ?? {}).map(([name, member]) => {
    const { description, ...schema } = schemaOf(member as z.ZodType);
    const required = place === "path";
    return {
      name,
      in: place,
      required,
      ...(description === undefined ? {} : { description }),
      schema,
    };
  });
}

function schemaOf(schema: z.ZodType) {
  // As it is on the wire; the dialect is that of OpenAPI 3.1 already.
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return rest;
}
