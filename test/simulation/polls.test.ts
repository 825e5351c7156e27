import { describe, expect, it } from "vitest";
import { playPolls } from "../../bench/support/play-polls.ts";

const JOBS = { seed: 9_700_001, ladderMs: [2_000, 5_000, 10_000, 30_000, 60_000], commands: 200 };
const MINUTE_AND_A_HALF = { ...JOBS, jobMs: 90_000 };

it("a job of 90 s ± 20 % costs at most 9 polls and is seen to end at most 2.5 s late, in the mean", async () => {
  const learned = await playPolls({ ...MINUTE_AND_A_HALF, isLearned: true });
  expect(learned.polls).toBeLessThan(9);
  expect(learned.lateMs).toBeLessThan(2_500);
  // Before it gets the server, before the POST, after SUCCESS.
  expect(learned.looks).toBe(3);
});

it("a job is polled more than twice as often where nothing is learned", async () => {
  const learned = await playPolls({ ...MINUTE_AND_A_HALF, isLearned: true });
  const byAge = await playPolls({ ...MINUTE_AND_A_HALF, isLearned: false });
  expect(byAge.polls).toBeGreaterThan(2 * learned.polls);
  expect(byAge.lateMs).toBeGreaterThan(learned.lateMs);
});

it("jobs that have become twice as fast are seen a second later than by age alone at most, in the mean", async () => {
  const faster = { ...JOBS, jobMs: 45_000 };
  const after = await playPolls({ ...faster, learnedMs: 90_000, isLearned: true });
  const byAge = await playPolls({ ...faster, isLearned: false });
  expect(after.lateMs).toBeLessThan(byAge.lateMs + 1_000);
});

describe("a crowd of jobs of one project", () => {
  const crowd = { ...MINUTE_AND_A_HALF, isLearned: true, commands: 300, apartMs: 100 };

  it("costs little more than the query that confirms each end, at most 2.5 s late, where polls share lists", async () => {
    const listed = await playPolls({ ...crowd, areListed: true });
    const alone = await playPolls(crowd);
    expect(listed.polls + listed.lists / crowd.commands).toBeLessThan(1.3);
    expect(listed.lateMs).toBeLessThan(2_500);
    expect(listed.looks).toBe(3);
    expect(alone.lists).toBe(0);
    expect(alone.polls).toBeGreaterThan(4);
  });

  it("whose failures show nowhere but in their jobs is found to have failed within a minute and a poll", async () => {
    const failed = await playPolls({ ...crowd, areListed: true, failShare: 1 });
    expect(failed.polls).toBeLessThan(3);
    expect(failed.lateMostlyMs).toBeLessThan(65_000);
  });
});
