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

/** Of a container that ended at `finishedAtNs`; the event of an end comes 5 ns later. */
const facts = (
  status: ContainerStatus,
  finishedAtNs: bigint,
  startedAtNs = finishedAtNs - 50n,
) => ({
  status,
  startedAtNs,
  finishedAtNs,
});

// The engine counts a restart at the exit: until the next start, StartedAt is that of the run before.
test.each([facts("restarting", 300n), facts("running", 300n, 350n), facts("paused", 300n, 350n)])(
  "gives restarts the times of the newest exits' events: %j",
  (details) => {
    const times = after(105n, 205n, 305n);
    expect(times.ofRestarts(2, details, FRESH)).toEqual([205n, 305n]);
  },
);

test("gives no restart the time of the last exit when the policy restarts no more", () => {
  expect(after(105n, 205n, 305n).ofRestarts(2, facts("exited", 300n), FRESH)).toEqual([105n, 205n]);
  // Stopped by hand first.
  expect(after(105n, 205n, 305n).ofRestarts(1, facts("exited", 300n), FRESH)).toEqual([205n]);
});

test("gives the last exit's time to a restart that was cancelled while it waited", () => {
  const cancelled = { fresh: true, startedBeforeNs: 152n };
  expect(after(205n).ofRestarts(1, facts("exited", 200n), cancelled)).toEqual([205n]);
});

test("leaves exits since the inspection to the next restarts", () => {
  const late = { fresh: false, startedBeforeNs: 0n };
  const times = after(105n, 205n, 305n);
  expect(times.ofRestarts(1, facts("restarting", 100n), late)).toEqual([105n]);
  expect(times.ofRestarts(2, facts("running", 300n, 350n), FRESH)).toEqual([205n, 305n]);
  expect(times.ofRestarts(0, facts("running", 300n, 350n), FRESH)).toEqual([]);
});

test("gives no restart the time of an exit twice when its event comes after inspect", () => {
  const times = after(105n);
  expect(times.ofRestarts(2, facts("restarting", 200n), FRESH)).toEqual([105n, 200n]);
  times.exited(205n);
  times.exited(305n);
  expect(times.ofRestarts(2, facts("restarting", 400n), FRESH)).toEqual([305n, 400n]);
});

test("forgets exits that led to no restart", () => {
  const times = after(105n);
  expect(times.ofRestarts(0, facts("exited", 100n), FRESH)).toEqual([]);
  times.exited(905n);
  expect(times.ofRestarts(2, facts("restarting", 900n), FRESH)).toEqual([904n, 905n]);
});

test.each([
  ["restarting", facts("restarting", 800n, 700n), 700n, 800n],
  ["running again", facts("running", 800n, 900n), 700n, 800n],
  ["running, without an exit", facts("running", 0n, 900n), 0n, 900n],
  ["exited after another run", facts("exited", 950n, 900n), 700n, 900n],
  ["exited, cancelled", facts("exited", 800n, 700n), 700n, 800n],
])(
  "dates a restart by inspect alone when its exit is unknown: %s",
  (_, details, before, timeNs) => {
    const context = { fresh: true, startedBeforeNs: before };
    expect(after().ofRestarts(1, details, context)).toEqual([timeNs]);
    expect(after().ofRestarts(3, details, context)).toEqual([timeNs - 2n, timeNs - 1n, timeNs]);
  },
);

test("keeps the times of 64 exits", () => {
  const times = after(...Array.from({ length: 100 }, (_, i) => BigInt(1_000 + i)));
  const dated = times.ofRestarts(66, facts("running", 1_099n, 1_100n), FRESH);
  expect(dated.slice(0, 4)).toEqual([1_034n, 1_035n, 1_036n, 1_037n]);
  expect(dated.at(-1)).toBe(1_099n);
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
