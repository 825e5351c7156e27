import { array, assert, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { createSchedule } from "../../../../src/simulator/cloud/schedule.ts";
import { standingClock } from "../cloud-client.ts";

describe("the schedule", () => {
  it("runs what is due in the order of its instants, equal ones as they were scheduled", () => {
    assert(
      property(array(integer({ min: 0, max: 20 })), (instants) => {
        const clock = standingClock(0);
        const schedule = createSchedule(clock);
        const ran: [number, number][] = [];
        instants.forEach((atMs, i) => schedule.at(atMs, () => ran.push([schedule.nowMs(), i])));
        clock.advance(10);
        schedule.catchUp();
        const due = instants
          .map((atMs, i): [number, number] => [atMs, i])
          .filter(([atMs]) => atMs <= 10);
        expect(ran).toEqual(due.sort(([a, i], [b, j]) => a - b || i - j));
      }),
    );
  });

  it("runs in the same go what a step schedules within the time that has passed", () => {
    const clock = standingClock(0);
    const schedule = createSchedule(clock);
    const ran: number[] = [];
    schedule.at(1, () => {
      schedule.at(schedule.nowMs() + 1, () => ran.push(schedule.nowMs()));
      schedule.at(schedule.nowMs() + 100, () => ran.push(schedule.nowMs()));
    });
    clock.advance(50);
    schedule.catchUp();
    expect(ran).toEqual([2]);
    expect(schedule.nowMs()).toBe(50);
  });
});
