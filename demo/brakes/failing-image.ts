import type { Stage } from "../stage.ts";
import type { Act } from "./act.ts";

/** The default of BRAKES_STORM_SAME. */
const LIMIT = 5;

/** Every reinstall fails: after five the project stops by itself. */
export async function failingImage(act: Act, { simulator }: Stage): Promise<void> {
  const lost = act.fleet("broken", LIMIT, { jobDurationMs: 600 });
  const spared = act.fleet("spared", 3, { state: "ACTIVE", jobDurationMs: 600 });
  const faults = [...lost, ...spared].flatMap(({ id }) =>
    simulator.faults.set({ operation: "reinstall", serverId: id, run: { fail: {} } }),
  );
  act.say("An image is broken: each reinstall with it fails.");
  await act.allTold(await act.send("first", lost), "failed");
  act.say(`${LIMIT} have failed. Three more commands come:`);
  const ids = await act.send("next", spared);
  await act.allTold(ids, "waiting");
  act.say(`${ids[0]} waits: ${act.reasonOf(ids[0] ?? "")}`);
  await act.type(["list", "brakes"]);
  act.claim(`${LIMIT} servers lost`, act.begun(lost).count === LIMIT);
  act.claim("the other three are not touched, not even stopped", act.requested(spared) === 0);

  for (const id of faults) simulator.faults.clear(id);
  act.say("The image is mended, and the person on call lets the project go on.");
  await act.type(["resume", "storm-failures", "--reason", "the image is mended"], 3);
  await act.allTold(ids, "succeeded");
  act.claim("they succeed, each reinstalled once", act.begun(spared).count === spared.length);
}
