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
  const runs = new RunTracker({ isNew: true });
  runs.started(NOW + MS);
  return runs;
}

test("returns no missed runs when nothing was missed", () => {
  const runs = started();
  expect(runs.reconcile(running(NOW))).toEqual({ starts: 0, exits: 0 });
  runs.ended(NOW + SECOND);
  expect(runs.reconcile(exited(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 0 });
});

test("misses no earlier runs when the container existed before the watch", () => {
  const runs = new RunTracker({ isNew: false });
  expect(runs.resume).toBeUndefined();
  expect(runs.reconcile(running(NOW))).toBeUndefined();
  expect(runs.reconcile(exited(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 1 });
});

test("takes the first start for no restart", () => {
  const runs = new RunTracker({ isNew: true });
  runs.restarted(2);
  expect(runs.reconcile(running(NOW))).toEqual({ starts: 3, exits: 2 });
});

test("finds missed starts when policy restarts or StartedAt show them", () => {
  const byPolicy = started();
  byPolicy.restarted(3);
  expect(byPolicy.reconcile(running(NOW + SECOND))).toEqual({ starts: 3, exits: 3 });
  const byHand = started();
  expect(byHand.reconcile(running(NOW + SECOND))).toEqual({ starts: 1, exits: 1 });
});

test("counts no start when a restart waits or is cancelled", () => {
  const runs = started();
  runs.restarted(1);
  expect(runs.reconcile(restarting(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 1 });
  expect(runs.reconcile(exited(NOW, NOW + SECOND))).toEqual({ starts: 0, exits: 0 });
  expect(runs.started(NOW + 60n * SECOND)).toBe(true);
});

test("counts the start when a restart that waited was carried out", () => {
  const runs = started();
  runs.ended(NOW + SECOND);
  runs.restarted(1);
  runs.settle({ status: "restarting" });
  expect(runs.reconcile(running(NOW + 2n * SECOND))).toEqual({ starts: 1, exits: 0 });
});

test("counts the waiting restart when a manual start precedes the crash", () => {
  const runs = started();
  runs.ended(NOW + SECOND);
  runs.settle({ status: "exited" });
  runs.started(NOW + 2n * SECOND);
  runs.ended(NOW + 3n * SECOND);
  runs.restarted(1);
  runs.settle({ status: "restarting" });
  runs.restarted(1);
  expect(runs.reconcile(running(NOW + 5n * SECOND))).toEqual({ starts: 2, exits: 1 });
});

test("takes late events for the same changes when a snapshot reported them first", () => {
  const runs = started();
  runs.restarted(1);
  expect(runs.reconcile(running(NOW + SECOND, NOW + SECOND / 2n))).toEqual({
    starts: 1,
    exits: 1,
  });
  expect(runs.ended(NOW + SECOND / 2n + MS)).toBe(false);
  expect(runs.started(NOW + SECOND + MS)).toBe(false);
  expect(runs.ended(NOW + 9n * SECOND)).toBe(true);
  expect(runs.started(NOW + 10n * SECOND)).toBe(true);
});

test("takes a start for the next run when it follows an ended one at once", () => {
  const runs = started();
  runs.restarted(2);
  expect(runs.reconcile(restarting(NOW + SECOND, NOW + SECOND + 10n * MS))).toEqual({
    starts: 1,
    exits: 2,
  });
  expect(runs.started(NOW + SECOND + 215n * MS)).toBe(true);
  expect(runs.ended(NOW + SECOND + 220n * MS)).toBe(true);
});

test("counts one run when its end is before its start", () => {
  const runs = new RunTracker({ isNew: true });
  expect(runs.reconcile(exited(NOW, NOW - MS))).toEqual({ starts: 1, exits: 1 });
  expect(runs.started(NOW + 2n * MS)).toBe(false);
  expect(runs.ended(NOW + 30n * MS)).toBe(false);
  expect(runs.started(NOW + 500n * MS)).toBe(true);
});

test("ends open runs when a container whose past is known is removed", () => {
  expect(started().close()).toBe(1);
  const runs = started();
  runs.ended(NOW + SECOND);
  expect(runs.close()).toBe(0);
  expect(new RunTracker({ isNew: false }).close()).toBe(0);
});

test("keeps the balance when another process goes on", () => {
  const runs = started();
  runs.restarted(1);
  const { resume } = runs;
  if (resume === undefined) throw new Error("nothing to resume from");
  expect(new RunTracker(resume).reconcile(exited(NOW + SECOND, NOW + 2n * SECOND))).toEqual({
    starts: 1,
    exits: 2,
  });
});
