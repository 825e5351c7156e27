import type { ProjectId, ServerId } from "../contract/ids.ts";
import { type ListedServer, listedServer, looksOver } from "../core/calls/listed-server.ts";
import { LIST_PAGE, LIST_RULES, MOST_PAGES } from "../core/calls/list-round.ts";
import type { ListLook } from "../core/server/observations.ts";
import type { Order } from "../core/state/order.ts";
import type { In } from "../core/state/state.ts";
import type { ListedServers, MadeList, ServerLists, UnmadeList } from "./ports/server-lists.ts";
import type { CloudApi } from "./ports/cloud-api.ts";
import { type StepDeps, withCalls } from "./step.ts";

/** `goes-on`: a list that is fresh shows nothing of the job's end. `awaited`: there is none yet. */
export type Glance = "ask" | "goes-on" | "awaited";

type Listed =
  | ({ readonly kind: "made" } & MadeList)
  | { readonly kind: "unmade"; readonly end: UnmadeList };

/** Looks at a server in a list that many polls share, and makes it where it is this poll's turn. */
export function createGlance({ cloud, lists, clock }: Pick<StepDeps, "cloud" | "lists" | "clock">) {
  return async function glance(
    { projectId, serverId }: Order,
    { before }: In<"watch">,
    signal: AbortSignal,
  ): Promise<Glance> {
    if (lists === undefined || cloud.list === undefined) return "ask";
    const answer = await lists.take(projectId);
    if (answer.kind === "alone") return "ask";
    if (answer.kind === "awaited") return "awaited";
    const servers =
      answer.kind === "listed"
        ? await lists.listed(projectId, answer.atMs)
        : await make(lists, { projectId, begunMs: answer.begunMs }, signal);
    if (servers === "awaited") return servers;
    const listed = servers?.get(serverId);
    // One that is not listed may have moved to a page that was read before, be gone, or unreadable.
    return listed === undefined || looksOver(listed, before) ? "ask" : "goes-on";
  };

  async function make(
    to: ServerLists,
    { projectId, begunMs }: { readonly projectId: ProjectId; readonly begunMs: number },
    signal: AbortSignal,
  ): Promise<ListedServers | null | "awaited"> {
    const untilMs = clock.monotonicMs() + LIST_RULES.leaseMs;
    const inTime = () => clock.monotonicMs() <= untilMs;
    const list = await allPages(cloud, projectId, inTime, signal);
    if (list.kind === "made") {
      await to.made(projectId, begunMs, list);
      return list.servers;
    }
    await to.unmade(projectId, begunMs, list.end);
    return list.end.kind === "unasked" ? "awaited" : null;
  }
}

/** `inTime`: asked before each further page; a list that comes later is not kept. */
async function allPages(
  cloud: CloudApi,
  project: ProjectId,
  inTime: () => boolean,
  signal: AbortSignal,
): Promise<Listed> {
  const servers = new Map<ServerId, ListedServer>();
  let limit = LIST_PAGE;
  let pages = 1;
  for (let page = 1; page <= pages; page += 1) {
    if (!inTime()) return tooLate(page - 1, pages);
    const look = await onePage(cloud, project, { page, limit }, signal);
    if (look.kind !== "seen") return { kind: "unmade", end: whyNot(look) };
    for (const [id, server] of look.servers) servers.set(id, listedServer(server));
    // A cloud that has smaller pages than were asked for.
    if (page === 1) limit = Math.min(LIST_PAGE, Math.max(1, look.listed));
    pages = Math.ceil(look.total / limit);
    if (pages > MOST_PAGES) {
      const why = `${look.total} servers, ${limit} on a page: more than ${MOST_PAGES} pages`;
      return { kind: "unmade", end: { kind: "failed", atLeastMs: REFUSED_MS, why } };
    }
  }
  return { kind: "made", pages: Math.max(1, pages), servers };
}

function tooLate(read: number, pages: number): Listed {
  const why = `${read} of ${pages} pages took longer than ${LIST_RULES.leaseMs} ms`;
  return { kind: "unmade", end: { kind: "failed", atLeastMs: 0, why } };
}

/** In the class of polls: it stands for many of them. */
async function onePage(
  cloud: CloudApi,
  project: ProjectId,
  page: { readonly page: number; readonly limit: number },
  signal: AbortSignal,
): Promise<ListLook> {
  const reserved = await withCalls(cloud, project, { class: 3, calls: 1 }, signal);
  if (reserved.kind === "unavailable") return { ...reserved, kind: "unreadable" };
  if (reserved.cloud.list === undefined) throw new Error("a cloud that lists goes on listing");
  return await reserved.cloud.list(project, page, signal);
}

/** What is refused for want of a right will be refused again. */
const REFUSED_MS = 600_000;

function whyNot(look: Exclude<ListLook, { kind: "seen" }>): UnmadeList {
  if (look.kind === "refused") {
    const { cloudCode, message } = look.refusal;
    return { kind: "failed", atLeastMs: REFUSED_MS, why: `${cloudCode}: ${message}` };
  }
  const { unasked, message: why, retryAfterMs } = look;
  if (unasked === true) return { kind: "unasked", why };
  return { kind: "failed", atLeastMs: retryAfterMs ?? 0, why };
}
