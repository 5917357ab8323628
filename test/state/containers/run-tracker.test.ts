import { expect, test } from "@jest/globals";
import { RunTracker } from "../../../src/state/containers/run-tracker.ts";

const MS = 1_000_000n;
const SECOND = 1_000n * MS;
const NOW = 1_800_000_000n * SECOND;

const running = (startedAtNs: bigint, finishedAtNs = 0n) =>
  ({ status: "running", startedAtNs, finishedAtNs }) as const;
const exited = (startedAtNs: bigint, finishedAtNs: bigint) =>
  ({ status: "exited", startedAtNs, finishedAtNs }) as const;
const restarting = (startedAtNs: bigint, finishedAtNs: bigint) =>
  ({ status: "restarting", startedAtNs, finishedAtNs }) as const;

/** Of a container that was created under watch and started at `NOW`. */
function started(): RunTracker {
  const lives = new RunTracker({ isNew: true });
  lives.started(NOW + MS);
  return lives;
}

test("where nothing was missed the balance is even", () => {
  const lives = started();
  expect(lives.reconcile(running(NOW))).toEqual({ starts: 0, exits: 0 });
  lives.ended(NOW + SECOND);
  expect(lives.reconcile(exited(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 0 });
});

test("a container that was there before has no past to be missed", () => {
  const lives = new RunTracker({ isNew: false });
  expect(lives.resume).toBeUndefined();
  expect(lives.reconcile(running(NOW))).toBeUndefined();
  expect(lives.reconcile(exited(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 1 });
});

test("the first start of all is nobody's restart", () => {
  const lives = new RunTracker({ isNew: true });
  lives.restarted(2);
  expect(lives.reconcile(running(NOW))).toEqual({ starts: 3, exits: 2 });
});

test("policy restarts tell how often it was started, and StartedAt that it was", () => {
  const byPolicy = started();
  byPolicy.restarted(3);
  expect(byPolicy.reconcile(running(NOW + SECOND))).toEqual({ starts: 3, exits: 3 });
  const byHand = started();
  expect(byHand.reconcile(running(NOW + SECOND))).toEqual({ starts: 1, exits: 1 });
});

test("a restart that waits isn't a start yet; one that was called off never becomes one", () => {
  const lives = started();
  lives.restarted(1);
  expect(lives.reconcile(restarting(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 1 });
  expect(lives.reconcile(exited(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 0 });
  expect(lives.started(NOW + 60n * SECOND)).toBe(true);
});

test("a restart that waited when it was last seen, and was carried out since", () => {
  const lives = started();
  lives.ended(NOW + SECOND);
  lives.restarted(1);
  lives.settle({ status: "restarting" });
  expect(lives.reconcile(running(NOW + 2n * SECOND))).toEqual({ starts: 1, exits: 0 });
});

test("a start by hand before a crash doesn't hide the restart that waits", () => {
  const lives = started();
  lives.ended(NOW + SECOND);
  lives.settle({ status: "exited" });
  lives.started(NOW + 2n * SECOND);
  lives.ended(NOW + 3n * SECOND);
  lives.restarted(1);
  lives.settle({ status: "restarting" });
  lives.restarted(1);
  expect(lives.reconcile(running(NOW + 5n * SECOND))).toEqual({ starts: 2, exits: 1 });
});

test("late events of what the snapshot told are the same changes", () => {
  const lives = started();
  lives.restarted(1);
  expect(lives.reconcile(running(NOW + SECOND, NOW + SECOND / 2n))).toEqual({
    starts: 1,
    exits: 1,
  });
  expect(lives.ended(NOW + SECOND / 2n + MS)).toBe(false);
  expect(lives.started(NOW + SECOND + MS)).toBe(false);
  expect(lives.ended(NOW + 9n * SECOND)).toBe(true);
  expect(lives.started(NOW + 10n * SECOND)).toBe(true);
});

test("of a life that has ended, a start soon after is the next one, however fast", () => {
  const lives = started();
  lives.restarted(2);
  expect(lives.reconcile(restarting(NOW + SECOND, NOW + SECOND + 10n * MS))).toEqual({
    starts: 1,
    exits: 2,
  });
  expect(lives.started(NOW + SECOND + 215n * MS)).toBe(true);
  expect(lives.ended(NOW + SECOND + 220n * MS)).toBe(true);
});

test("the engine can have a life end before it began, where it ended at once", () => {
  const lives = new RunTracker({ isNew: true });
  expect(lives.reconcile(exited(NOW, NOW - MS))).toEqual({ starts: 1, exits: 1 });
  expect(lives.started(NOW + 2n * MS)).toBe(false);
  expect(lives.ended(NOW + 30n * MS)).toBe(false);
  expect(lives.started(NOW + 500n * MS)).toBe(true);
});

test("what is open when it goes is closed, of a container whose past is known", () => {
  expect(started().close()).toBe(1);
  const lives = started();
  lives.ended(NOW + SECOND);
  expect(lives.close()).toBe(0);
  expect(new RunTracker({ isNew: false }).close()).toBe(0);
});

test("another process goes on with the balance", () => {
  const lives = started();
  lives.restarted(1);
  const { resume } = lives;
  if (resume === undefined) throw new Error("nothing to resume from");
  expect(new RunTracker(resume).reconcile(exited(NOW + SECOND, NOW + 2n * SECOND))).toEqual({
    starts: 1,
    exits: 2,
  });
});
