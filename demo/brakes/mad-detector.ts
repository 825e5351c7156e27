import type { Act } from "./act.ts";

const SERVERS = 60;
/** The default of BRAKES_MAX_RUNNING. */
const CAP = 10;

/** 60 wishes within a second: the cap and the storm of asks hold them, a person looks and cancels. */
export async function madDetector(act: Act): Promise<void> {
  const servers = act.fleet("crazy", SERVERS, { jobDurationMs: 1_500 });
  const ids = await act.send("alarm", servers);
  act.say(`A detector has gone mad: ${SERVERS} commands for ${SERVERS} servers within a second.`);

  await act.until("the storm of asks", () => ids.some((id) => slowed(act, id) !== undefined));
  const held = ids.find((id) => slowed(act, id) !== undefined) ?? "";
  act.say(`${held} waits: ${slowed(act, held)}`);
  await act.type(["list", "brakes"]);
  await act.type(["explain", held], 3);
  await act.until("two that went one by one", () => act.begun(servers).count >= CAP + 2);

  act.say("The person on call has looked: none of these was wanted.");
  const why = ["--reason", "the detector has gone mad", "--yes"];
  await act.type(["cancel", "--waits-for", "cap", ...why], 3);
  await act.until("an end of each", () => ids.every((id) => endOf(act, id) !== undefined));

  const { count, atOnce } = act.begun(servers);
  const cancelled = ids.filter((id) => endOf(act, id) === "cancelled").length;
  act.claim(`never more than ${CAP} servers down at once (${atOnce})`, atOnce <= CAP);
  act.claim(
    `${count} of ${SERVERS} servers wiped, ${cancelled} commands cancelled before anything was done`,
    count < SERVERS / 2 && count + cancelled === SERVERS,
  );
}

/** Why a command waits with the cap lowered; undefined: it does not. */
function slowed(act: Act, id: string): string | undefined {
  const waiting = act.told(id).find(({ data }) => {
    const brake = data["brake"] as { readonly lowered_by?: string } | undefined;
    return data.event === "waiting" && brake?.lowered_by === "storm-asks";
  });
  return waiting === undefined ? undefined : String(waiting.data["detail"]);
}

function endOf(act: Act, id: string) {
  const names = act.told(id).map(({ data }) => data.event);
  return names.find((name) => name === "succeeded" || name === "cancelled");
}
