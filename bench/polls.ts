import type { BenchCase, Figure } from "./case.ts";
import { playPolls } from "./support/play-polls.ts";

const LADDER = [2_000, 5_000, 10_000, 30_000, 60_000];

/** How each column polls. */
const PROGRAMS = {
  worker: { isLearned: true, areListed: true, ladderMs: LADDER },
  "POLL_LIST=false": { isLearned: true, ladderMs: LADDER },
  "POLL_LEARNED=false": { isLearned: false, areListed: true, ladderMs: LADDER },
  "every 10 s": { isLearned: false, ladderMs: [10_000] },
};

/** Seconds. */
const JOBS = [45, 60, 90, 120, 180, 360];
const COMMANDS = 200;
const SEED = 9_700_000;
/** Twenty commands a second. */
const CROWD = { commands: 1_000, apartMs: 50 };

export const polls: BenchCase = {
  name: "polls",
  title: "Polls of a job",
  method: `${COMMANDS} commands, one every 7 s, whose jobs take the time that is said and up to a fifth more or less. The worker plays it in virtual time, on the simulation's ports, with the default delay ladder, without a fault. It knows 50 such jobs from before, except in the last two rows, where it knows 50 jobs of 90 s: those jobs were learned, and now they take another time. *Every 10 s* is the same worker with \`POLL_INTERVALS_MS=10000\`, \`POLL_LEARNED=false\` and \`POLL_LIST=false\`. Counted are the queries of the job and the lists of servers, and the time from its end to the final event, in the mean. *In a crowd*: ${CROWD.commands} commands of one project, one every ${CROWD.apartMs} ms; a list has all of their servers on one page.`,
  bounds:
    "How much the durations differ: where nine tenths of them lie within 30 s of each other polls are 2 s apart while the job is likely to end, within a minute 2 or 5 s, and never further than by age alone. A job that ends far sooner than its kind did is noticed at its first poll, and the next ones are polled sooner. Besides the POST each command costs three looks at its server more. A list is a call, whatever the number of jobs that share it: the more jobs of a project are due at the same time, the nearer the calls of each come to the one query that confirms its end.",
  async run(bench) {
    const figures: Figure[] = [];
    const rows = [
      ...JOBS.map((seconds) => ({ what: `job of ${seconds} s`, jobMs: seconds * 1_000 })),
      { what: "job of 90 s in a crowd", jobMs: 90_000, ...CROWD },
      { what: "job of 45 s after such of 90 s", jobMs: 45_000, learnedMs: 90_000 },
      { what: "job of 180 s after such of 90 s", jobMs: 180_000, learnedMs: 90_000 },
    ];
    for (const { what, ...row } of rows) {
      const jobs = { commands: COMMANDS, ...row };
      bench.say(what);
      const count: Record<string, number> = {};
      const late: Record<string, number> = {};
      const mostly: Record<string, number> = {};
      for (const [name, program] of Object.entries(PROGRAMS)) {
        const played = await playPolls({ seed: SEED, ...jobs, ...program });
        count[name] = played.polls + played.lists / jobs.commands;
        late[name] = played.lateMs / 1_000;
        mostly[name] = played.lateMostlyMs / 1_000;
      }
      figures.push({ what: `${what}: polls`, unit: "", values: count });
      figures.push({ what: `${what}: end seen after`, unit: "s", values: late });
      if (jobs.commands > COMMANDS) {
        figures.push({ what: `${what}: 99 % seen after`, unit: "s", values: mostly });
      }
    }
    return figures;
  },
};
