import { expect, test } from "@jest/globals";
import type { ContainerDetails } from "../../../src/domain/container.ts";
import { OverdueStarts } from "../../../src/engine/watch/overdue-starts.ts";
import type { ContainerRecord } from "../../../src/state/containers/container-record.ts";
import { containerDetails, idOf } from "../../support/engine-facts.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";

const SECOND_NS = 1_000_000_000n;

interface Watched {
  readonly clock: FakeClock;
  readonly overdue: OverdueStarts;
  /** Seconds from the begin of the test to each look. */
  readonly looks: number[];
  /** Folds in and reads an inspection of the container `web`. */
  readonly inspect: (details: Partial<ContainerDetails>) => ContainerRecord;
}

function watched(): Watched {
  const clock = new FakeClock();
  const { fleet } = recordedFleet();
  const looks: number[] = [];
  const overdue = new OverdueStarts(clock, () => void looks.push(clock.monotonicMs() / 1_000));
  return {
    clock,
    overdue,
    looks,
    inspect(details) {
      const record = fleet.details(containerDetails("web", details), true);
      overdue.read(record);
      return record;
    },
  };
}

/** A container that waits for its restart of this number, after runs of a second. */
function waiting(restartCount: number, runNs = SECOND_NS): Partial<ContainerDetails> {
  const finishedAtNs = 1_000n * SECOND_NS + BigInt(restartCount);
  return {
    status: "restarting",
    restartCount,
    startedAtNs: finishedAtNs - runNs,
    finishedAtNs,
  };
}

// The engine waits for 100 ms, 200 ms, …, a minute; a look follows two seconds later.
test.each([
  [1, 2.1],
  [2, 2.2],
  [6, 5.2],
  [9, 27.6],
  [10, 53.2],
  [11, 62],
  [2_000, 62],
])("looks first when restart %d is overdue: after %d s", async (restartCount, seconds) => {
  const { clock, looks, inspect } = watched();
  inspect(waiting(restartCount));
  await clock.advance(62_000);
  expect(looks[0]).toBe(seconds);
});

test("looks soon when the run before was long: the engine waits for 100 ms again", async () => {
  const { clock, looks, inspect } = watched();
  inspect(waiting(11, 11n * SECOND_NS));
  await clock.advance(3_000);
  expect(looks).toEqual([2.1]);
});

test("looks less and less often while it goes on to wait, and at least every 30 s", async () => {
  const { clock, looks, inspect } = watched();
  inspect(waiting(1));
  await clock.advance(125_000);
  expect(looks).toEqual([2.1, 4.1, 8.1, 16.1, 32.1, 62.1, 92.1, 122.1]);
});

test.each(["exited", "running"] as const)("looks no more when it is %s", async (status) => {
  const { clock, looks, inspect } = watched();
  inspect(waiting(1));
  await clock.advance(3_000);
  inspect({ ...waiting(1), status });
  expect(clock.pendingTimers).toBe(0);
  expect(looks).toEqual([2.1]);
});

test("begins again with each wait, and not with each answer about the same one", async () => {
  const { clock, looks, inspect } = watched();
  inspect(waiting(6));
  await clock.advance(5_000);
  inspect(waiting(6));
  await clock.advance(200);
  expect(looks).toEqual([5.2]);
  inspect(waiting(7));
  await clock.advance(8_000);
  expect(looks).toEqual([5.2]);
  await clock.advance(400);
  expect(looks).toEqual([5.2, 13.6]);
});

test("looks within 3 s of a request to stop, also when the engine is slow to cancel", async () => {
  const { clock, overdue, looks, inspect } = watched();
  overdue.stopping(inspect(waiting(11)));
  await clock.advance(3_000);
  expect(looks).toEqual([0.3, 0.9, 2.1]);
});

test("looks at no other container after a request to stop", () => {
  const { clock, overdue, inspect } = watched();
  overdue.stopping(inspect({ status: "running" }));
  expect(clock.pendingTimers).toBe(0);
});

test("looks at a new container four times, until it starts", async () => {
  const { clock, overdue, looks, inspect } = watched();
  const created = { status: "created", startedAtNs: 0n } as const;
  overdue.created(inspect(created));
  await clock.advance(3_000);
  inspect(created);
  await clock.advance(600_000);
  expect(looks).toEqual([3, 6, 12, 24]);
  overdue.created(inspect(created));
  inspect({ status: "running" });
  expect(clock.pendingTimers).toBe(0);
});

test("looks at nothing when the container is destroyed, or the watch ends", () => {
  const { clock, overdue, inspect } = watched();
  const record = inspect(waiting(1));
  record.destroyedAtNs = 5n;
  overdue.read(record);
  expect(clock.pendingTimers).toBe(0);
  record.destroyedAtNs = undefined;
  overdue.read(record);
  expect(clock.pendingTimers).toBe(1);
  overdue[Symbol.dispose]();
  expect(clock.pendingTimers).toBe(0);
});

test("looks at each container by its id", async () => {
  const clock = new FakeClock();
  const { fleet } = recordedFleet();
  const ids: string[] = [];
  const overdue = new OverdueStarts(clock, (id) => void ids.push(id));
  for (const name of ["a", "b"]) {
    overdue.read(fleet.details(containerDetails(name, waiting(1)), true));
  }
  await clock.advance(2_100);
  expect(ids).toEqual([idOf("a"), idOf("b")]);
});
