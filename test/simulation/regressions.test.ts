import { describe, expect, it } from "vitest";
import { runSeed } from "./run.ts";

/** Seeds that once broke a promise because of a real bug. A change of the scenarios makes them other histories: then they are only more seeds. */
const REGRESSIONS = [
  [1, "a reused id is refused with the same instant each time"],
  [7, "a record put back from a later message has no outbox to tell"],
  [8, "a claim that is lost with the memory is not another delivery's"],
  [9, "a step that came early keeps the mark of its redelivery"],
  [33, "an older step is dropped once a later one has put the record back"],
  [80, "nothing follows a final event, not even what was decided with it"],
  [85, "events after a loss of memory have numbers of their own"],
  [258, "doubt does not hang on the clock of a worker"],
  [645, "the answer to a duplicate is named by the state it tells"],
  [1247, "a late word that an outcome was told does not hide an open command"],
  [1568, "a delivery that was fenced off waits until its step was told"],
  [1733, "a fenced submit does not leave its command to a worker that is cut off"],
  [10654, "a copy without the body does not end its command"],
  [11659, "a disk that another hand replaced ends nothing before the fence"],
  [13472, "a command that nobody could take for long is doubted by its timestamp"],
  [37361, "a number that was told and forgotten is not given again"],
  [17485, "the sweeper tells what was saved before it ends a command"],
  [17891, "who takes over a restored step doubts like the one who restored it"],
  [901688, "a command that was forgotten behind a refusal under its id is new"],
  [102253, "a late message takes its step over from the sweeper"],
  [
    961469,
    "what a sweeper saved and could not publish is published by the message of that very step",
  ],
  [401192, "what a sweeper saved and could not tell is told by whoever comes late"],
  [10000851, "a command that comes again publishes what a sweeper saved for it"],
  [11000223, "a server that somebody else has reinstalled is asked whether it is ready, too"],
  [
    10013913,
    "a POST that was not sent ends its time in work, although the store was away and was set back",
  ],
  [
    13103729,
    "a command that is published again is new where its own message did not come back in time",
  ],
  [14004582, "a request that was refused is not in work, although its end could not be saved"],
  [12002814, "a worker that has stood still sends no stop, up to the very last moment"],
  [20019254, "a command that a sweeper has put back is not forgotten before its end is saved"],
  [7361419, "a stop that another delivery of the step asked for is waited for"],
  [22120642, "a server stays off where another delivery of the step may have asked for its stop"],
  [23210376, "a sweeper does not leave a command to a message that there is not"],
  [22302638, "an old copy outruns nothing while the store is being put back"],
] as const;

describe("a history that once broke a promise", () => {
  it.each(REGRESSIONS)("keeps them now: seed %i, %s", async (seed) => {
    expect((await runSeed(seed)).violation).toBeNull();
  });
});
