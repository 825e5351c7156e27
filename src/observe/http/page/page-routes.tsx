import type { Context } from "hono";
import type { HtmlEscapedString } from "hono/utils/html";
import { z } from "zod";
import { CommandId, ProjectId, ServerId } from "../../../contract/ids.ts";
import { troubleOf } from "../../health.ts";
import type { Route, RouteDeps } from "../route.ts";
import { BoardPage } from "./board-page.tsx";
import { readBoard } from "./board.ts";
import { CommandPage } from "./command-page.tsx";
import { STAY } from "./layout.tsx";
import { MessagePage, type MessagePageProps } from "./message-page.tsx";
import { ServerPage } from "./server-page.tsx";
import { PAGE_POLICY } from "./style.ts";

const REFRESH_SECONDS = 10;
const HTML = "text/html";

const PAGE = { says: "a page for people: HTML without scripts", body: HTML };
const AWAY = { says: "the store does not answer", body: HTML };
const UNKNOWN = { says: "nothing of that name is known", body: HTML };
const BAD_ID = { says: "an id that cannot be one", body: HTML };

const stay = z
  .literal("1", "must be 1")
  .optional()
  .describe("`1`: the page does not refresh itself");
const BoardQuery = z.object({
  project: ProjectId.optional().describe("only of this project"),
  [STAY]: stay,
});
const CommandParams = z.object({ id: CommandId.describe("the command's id") });
const ServerParams = z.object({
  project: ProjectId.describe("the project's id"),
  server: ServerId.describe("the server's id"),
});
const FindQuery = z.object({ id: z.string().max(200).describe("a server's or a command's id") });

/** Pages for people: server-rendered, without scripts, and without anything that changes something. */
export function pageRoutes(): readonly Route[] {
  return [
    {
      path: "/",
      summary:
        "the status page: what needs a person, what runs, what waits and why, brakes and limits, last ends",
      query: BoardQuery,
      answers: {
        200: PAGE,
        400: BAD_ID,
        404: UNKNOWN,
        503: { ...AWAY, says: "part of it: the store does not answer" },
      },
      take: async (deps, context) => {
        const query = BoardQuery.safeParse(context.req.query());
        if (!query.success) return badId(context, "project id", query.error);
        const project = query.data.project ?? null;
        if (project !== null && !deps.projects.includes(project)) {
          return noProject(context, project);
        }
        const board = await readBoard(deps, project, deps.nowMs());
        const page = <BoardPage board={board} {...frameOf(context, board.nowMs)} />;
        return html(context, board.store === null ? 503 : 200, page);
      },
    },
    {
      path: "/commands/:id",
      summary: "the page of a command: why it is where it is, and its way step by step",
      params: CommandParams,
      answers: { 200: PAGE, 400: BAD_ID, 404: UNKNOWN, 503: AWAY },
      take: async (deps, context) => {
        const asked = CommandParams.safeParse(context.req.param());
        if (!asked.success) return badId(context, "command id", asked.error);
        const { id } = asked.data;
        const found = await deps.views.evidenceById(id);
        switch (found.kind) {
          case "found": {
            const shown = { found: found.view, away: troubleOf(deps.health) };
            const frame = { ...frameOf(context, deps.nowMs()), ...shown };
            return html(context, 200, <CommandPage id={id} {...frame} />);
          }
          case "absent":
            return message(context, 404, {
              title: `No command ${id}`,
              sentences: [
                "No such command is known: it never arrived, its record has expired (a week after its end), or Redis was emptied since.",
                "A message that could not be read has no id: look into the dead queue.",
              ],
            });
          case "unavailable":
            return away(deps, context);
        }
      },
    },
    {
      path: "/servers/:project/:server",
      summary: "the page of a server: what holds it, who waits for it, its last reinstalls",
      params: ServerParams,
      answers: { 200: PAGE, 400: BAD_ID, 404: UNKNOWN, 503: AWAY },
      take: async (deps, context) => {
        const asked = ServerParams.safeParse(context.req.param());
        if (!asked.success) {
          const [wrong] = asked.error.issues[0]?.path ?? [];
          return badId(context, `${String(wrong)} id`, asked.error);
        }
        const { project, server } = asked.data;
        const found = await deps.views.serverStatus(project, server);
        switch (found.kind) {
          case "found": {
            const shown = { view: found.view, away: troubleOf(deps.health) };
            const frame = { ...frameOf(context, deps.nowMs()), ...shown };
            return html(context, 200, <ServerPage project={project} server={server} {...frame} />);
          }
          case "absent":
            return noProject(context, project);
          case "unavailable":
            return away(deps, context);
        }
      },
    },
    {
      path: "/find",
      summary: "leads to the page of a command or of a server",
      query: FindQuery,
      answers: { 302: { says: "where it is", body: HTML }, 404: UNKNOWN, 503: AWAY },
      take: async (deps, context) => find(deps, context, (context.req.query("id") ?? "").trim()),
    },
  ];
}

/** A command's id may have the form of a server's: what is known goes first. */
async function find(deps: RouteDeps, context: Context, given: string): Promise<Response> {
  const id = CommandId.safeParse(given);
  const server = ServerId.safeParse(given);
  if (id.success) {
    const found = await deps.views.commandById(id.data);
    if (found.kind === "unavailable") return away(deps, context);
    if (found.kind === "found") {
      return context.redirect(`/commands/${encodeURIComponent(id.data)}`, 302);
    }
  }
  if (server.success) {
    const project = await projectOf(deps, server.data);
    if (project !== null) return context.redirect(`/servers/${project}/${server.data}`, 302);
  }
  const sentence = id.success
    ? `No command ${given} is known. A server is found by its whole id.`
    : "That is no id of a command or of a server.";
  return message(context, 404, { title: "Nothing found", sentences: [sentence] });
}

/** Where a server is known; without any sign of it, the only project there is. */
async function projectOf(deps: RouteDeps, server: ServerId): Promise<ProjectId | null> {
  for (const project of deps.projects) {
    const found = await deps.views.serverStatus(project, server);
    if (found.kind !== "found") continue;
    const { lock, waiting, history } = found.view;
    if (lock !== null || waiting.length > 0 || history.length > 0) return project;
  }
  return deps.projects[0] ?? null;
}

function frameOf(context: Context, nowMs: number) {
  const stays = context.req.query(STAY) !== undefined;
  const { pathname, searchParams } = new URL(context.req.url);
  searchParams.delete(STAY);
  const query = searchParams.toString();
  const here = query === "" ? pathname : `${pathname}?${query}`;
  return { nowMs, here, refreshSeconds: stays ? null : REFRESH_SECONDS };
}

type Status = 200 | 400 | 404 | 503;

type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

async function html(context: Context, status: Status, page: Html): Promise<Response> {
  const stays = context.req.query(STAY) !== undefined;
  const headers = {
    "content-security-policy": PAGE_POLICY,
    ...(stays || status === 400 || status === 404 ? {} : { refresh: String(REFRESH_SECONDS) }),
  };
  return context.html(await page, status, headers);
}

/** What a page says that has nothing to show. */
type Message = Pick<MessagePageProps, "title" | "sentences"> & Partial<MessagePageProps>;

function message(context: Context, status: Status, said: Message): Promise<Response> {
  const frame = frameOf(context, Date.now());
  const refreshSeconds = status === 503 ? frame.refreshSeconds : null;
  const props = { ...frame, refreshSeconds, dependencies: null, ...said };
  return html(context, status, <MessagePage {...props} />);
}

function noProject(context: Context, project: ProjectId): Promise<Response> {
  const sentences = [`This worker acts on no project ${project}.`];
  return message(context, 404, { title: "No such project", sentences });
}

function away({ health }: RouteDeps, context: Context): Promise<Response> {
  const sentences = [
    "The store (Redis) does not answer, so nothing can be said of commands and servers now. Nothing is lost by that: each command is a message, and goes on when Redis is back.",
  ];
  const dependencies = health.dependencies();
  return message(context, 503, { title: "The store does not answer", sentences, dependencies });
}

/** Says the rule, not the value. */
function badId(context: Context, what: string, error: z.ZodError): Promise<Response> {
  const rule = error.issues[0]?.message ?? "is malformed";
  return message(context, 400, { title: "That is no id", sentences: [`The ${what} ${rule}.`] });
}
