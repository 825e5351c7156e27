import type { BenchCase, Figure } from "./case.ts";
import { playPolls } from "./support/play-polls.ts";

const LADDER = [2_000, 5_000, 10_000, 30_000, 60_000];

/** How each column polls. */
const PROGRAMS = {
  worker: { isLearned: true, ladderMs: LADDER },
  "POLL_LEARNED=false": { isLearned: false, ladderMs: LADDER },
  "every 10 s": { isLearned: false, ladderMs: [10_000] },
};

/** Seconds. */
const JOBS = [45, 60, 90, 120, 180, 360];
const COMMANDS = 200;
const SEED = 9_700_000;

export const polls: BenchCase = {
  name: "polls",
  title: "Polls of a job",
  method: `${COMMANDS} commands, one every 7 s, whose jobs take the time that is said and up to a fifth more or less. The worker plays it in virtual time, on the simulation's ports, with the default delay ladder, without a fault. It knows 50 such jobs from before, except in the last two rows, where it knows 50 jobs of 90 s: those jobs were learned, and now they take another time. *Every 10 s* is the same worker with \`POLL_INTERVALS_MS=10000\` and \`POLL_LEARNED=false\`. Counted are the queries of the job, and the time from its end to the final event, in the mean.`,
  bounds:
    "How much the durations differ: where nine tenths of them lie within 30 s of each other polls are 2 s apart while the job is likely to end, within a minute 5 s, and never further than by age alone. A job that ends far sooner than its kind did is noticed at its first poll, and the next ones are polled sooner. Besides the POST each command costs three looks at its server more.",
  async run(bench) {
    const figures: Figure[] = [];
    const rows = [
      ...JOBS.map((seconds) => ({ what: `job of ${seconds} s`, jobMs: seconds * 1_000 })),
      { what: "job of 45 s after such of 90 s", jobMs: 45_000, learnedMs: 90_000 },
      { what: "job of 180 s after such of 90 s", jobMs: 180_000, learnedMs: 90_000 },
    ];
    for (const { what, ...jobs } of rows) {
      bench.say(what);
      const count: Record<string, number> = {};
      const late: Record<string, number> = {};
      for (const [name, program] of Object.entries(PROGRAMS)) {
        const played = await playPolls({ seed: SEED, commands: COMMANDS, ...jobs, ...program });
        count[name] = played.polls;
        late[name] = played.lateMs / 1_000;
      }
      figures.push({ what: `${what}: polls`, unit: "", values: count });
      figures.push({ what: `${what}: end seen after`, unit: "s", values: late });
    }
    return figures;
  },
};
