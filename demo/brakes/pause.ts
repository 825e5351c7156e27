import type { Act } from "./act.ts";

const WHO = "ada";
const WHY = "a change in the network";

/** A person pauses while servers are being stopped and jobs run. */
export async function pauseInTheMiddle(act: Act): Promise<void> {
  const off = act.fleet("off", 3, { jobDurationMs: 3_000 });
  const on = act.fleet("on", 3, { state: "ACTIVE", stopDurationMs: 8_000 });
  const running = await act.send("runs", off);
  await act.allTold(running, "submitted");
  const stopping = await act.send("stops", on);
  await act.allTold(stopping, "stopping");
  act.say("Three jobs run, and three servers are being stopped for theirs.");
  await act.type(["pause", "--reason", WHY, "--by", WHO], 5);
  const before = act.begun([...off, ...on]).count;
  const late = act.fleet("late", 2);
  const coming = await act.send("comes", late);
  act.say("Two more commands come.");

  await act.allTold([...stopping, ...coming], "waiting");
  await act.allTold(running, "succeeded");
  const everything = [...off, ...on, ...late];
  const held = [...stopping, ...coming].map((id) => act.reasonOf(id));
  act.claim(
    "the five that wait say who paused, and why",
    held.every((reason) => reason.includes(`by ${WHO} `) && reason.endsWith(WHY)),
  );
  act.claim("the three jobs that ran were followed to their end", before === running.length);
  await act.until("the stopped servers run again", () => on.every(({ isOn }) => isOn));
  act.claim(
    "the three servers that were stopped for it run again",
    on.every(({ isOn }) => isOn),
  );
  await act.type(["explain", stopping[0] ?? ""], 3);
  act.claim("no reinstall began after the pause", act.begun(everything).count === before);

  for (const server of on) server.patch({ stopDurationMs: 500 });
  await act.type(["resume", "pause", "--reason", "the change is over"], 3);
  await act.allTold([...stopping, ...coming], "succeeded");
  const { count } = act.begun(everything);
  act.claim("all eight are reinstalled, each once", count === everything.length);
}
