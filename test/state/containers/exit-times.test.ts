import { expect, test } from "@jest/globals";
import type { ContainerStatus } from "../../../src/domain/container.ts";
import { ExitTimes } from "../../../src/state/containers/exit-times.ts";
import { containerDetails, engineEvent } from "../../support/engine-facts.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";

const FRESH = { fresh: true, startedBeforeNs: 0n };

function after(...exitsNs: readonly bigint[]): ExitTimes {
  const times = new ExitTimes();
  for (const timeNs of exitsNs) times.exited(timeNs);
  return times;
}

const facts = (status: ContainerStatus, startedAtNs = 900n, finishedAtNs = 800n) => ({
  status,
  startedAtNs,
  finishedAtNs,
});

// The engine counts a restart at the exit: until the next start, StartedAt is that of the run before.
test.each(["restarting", "running", "paused"] as const)(
  "gives restarts the times of the newest exits when the container is %s",
  (status) => {
    expect(after(1n, 2n, 3n).ofRestarts(2, facts(status), FRESH)).toEqual([2n, 3n]);
  },
);

test("gives no restart the time of the last exit when the policy restarts no more", () => {
  expect(after(1n, 2n, 3n).ofRestarts(2, facts("exited"), FRESH)).toEqual([1n, 2n]);
  // Stopped by hand first.
  expect(after(1n, 2n, 3n).ofRestarts(1, facts("exited"), FRESH)).toEqual([2n]);
});

test("gives the last exit's time to a restart that was cancelled while it waited", () => {
  expect(after(1n, 2n).ofRestarts(2, facts("exited"), FRESH)).toEqual([1n, 2n]);
});

test("gives the oldest exits' times when exits may have come since the inspection", () => {
  const times = after(1n, 2n, 3n);
  const late = { fresh: false, startedBeforeNs: 0n };
  expect(times.ofRestarts(1, facts("restarting"), late)).toEqual([1n]);
  expect(times.ofRestarts(2, facts("running"), FRESH)).toEqual([2n, 3n]);
  expect(times.ofRestarts(0, facts("running"), FRESH)).toEqual([]);
});

test("forgets exits that led to no restart", () => {
  const times = after(1n);
  expect(times.ofRestarts(0, facts("exited"), FRESH)).toEqual([]);
  times.exited(9n);
  expect(times.ofRestarts(1, facts("exited"), FRESH)).toEqual([9n]);
});

test.each([
  ["restarting", facts("restarting", 700n, 800n), 700n, 800n],
  ["running again", facts("running", 900n, 800n), 700n, 800n],
  ["running, without an exit", facts("running", 900n, 0n), 0n, 900n],
  ["exited after another run", facts("exited", 900n, 950n), 700n, 900n],
  ["exited, cancelled", facts("exited", 700n, 800n), 700n, 800n],
])(
  "dates a restart by inspect alone when its exit is unknown: %s",
  (_, details, before, timeNs) => {
    const context = { fresh: true, startedBeforeNs: before };
    expect(after().ofRestarts(1, details, context)).toEqual([timeNs]);
    expect(after().ofRestarts(3, details, context)).toEqual([timeNs - 2n, timeNs - 1n, timeNs]);
  },
);

test("keeps the order of more restarts than exits", () => {
  expect(after(5n).ofRestarts(3, facts("running"), FRESH)).toEqual([3n, 4n, 5n]);
});

test("keeps the times of 64 exits", () => {
  const times = after(...Array.from({ length: 100 }, (_, i) => BigInt(1_000 + i)));
  expect(times.ofRestarts(66, facts("running"), FRESH).slice(0, 4)).toEqual([
    1_034n,
    1_035n,
    1_036n,
    1_037n,
  ]);
});

test("dates the restart of a container that was up for days by its exit, not its start", () => {
  const DAY_NS = 86_400_000_000_000n;
  const { fleet, happens, changes } = recordedFleet();
  happens("create", "web");
  happens("start", "web");
  const startedAtNs = 2_000n;
  const die = { timeNs: 3n * DAY_NS, exitCode: "1" };
  fleet.engineEvent(engineEvent("die", "web", die));
  const waits = { status: "restarting", startedAtNs, finishedAtNs: 3n * DAY_NS - 5n } as const;
  fleet.details(containerDetails("web", { ...waits, restartCount: 1 }), true);
  expect(changes.at(-1)).toMatchObject({
    kind: "container.restart",
    timeNs: 3n * DAY_NS,
    recovered: false,
  });
  // The same, unseen.
  fleet.complete();
  const again = { startedAtNs: 4n * DAY_NS, finishedAtNs: 4n * DAY_NS - 9n, restartCount: 2 };
  fleet.reconcile(containerDetails("web", again), 5n * DAY_NS);
  expect(changes.at(-1)).toMatchObject({
    kind: "container.restart",
    timeNs: 4n * DAY_NS - 9n,
    recovered: true,
  });
});
