import { expect, test } from "@jest/globals";
import { LabelSet } from "../../../src/domain/label-set.ts";
import { MAX_RECENT_UNITS } from "../../../src/state/units/recent-units.ts";
import { SeriesBudget } from "../../../src/state/units/series-budget.ts";
import { UnitTable } from "../../../src/state/units/unit-table.ts";

const START_NS = 1_767_225_600_000_000_000n;
const SECOND_NS = 1_000_000_000n;

/** A table of units whose clock a test sets. */
function tableAt(seconds: number) {
  const time = { nowNs: START_NS + BigInt(seconds) * SECOND_NS };
  const series = new SeriesBudget(Number.POSITIVE_INFINITY, () => time.nowNs);
  const shown = (name: string): boolean => name !== "hidden.service";
  const table = new UnitTable({ shown, series }, new LabelSet([["container", "c"]]));
  return {
    table,
    time,
    /** Counts a restart of a unit. */
    restarts: (name: string): void => {
      const unit = table.obtain(name);
      if (unit === undefined) throw new Error("the table is full");
      const { nowNs: timeNs } = time;
      table.count(unit, {
        kind: "restart",
        count: 1,
        counted: { timeNs, invocationId: "", number: 1 },
        timeNs,
        recovered: false,
        activeState: "active",
        subState: "running",
        previousState: "active",
        result: "success",
        exitCode: 0,
      });
    },
    stored: () => table.recent.stored().map(({ unit }) => unit),
  };
}

test("stores the units with the newest events, within its bound", () => {
  const { restarts, stored, time } = tableAt(0);
  const names = Array.from({ length: MAX_RECENT_UNITS + 2 }, (_, index) => `${index}.service`);
  for (const name of names) restarts(name);
  restarts("2.service");
  restarts("hidden.service");
  expect(stored()).toEqual([...names.slice(3), "2.service"]);
  time.nowNs += 900n * SECOND_NS;
  restarts("new.service");
  expect(stored()).toEqual(["new.service"]);
});

test("adds what was stored to a unit that is listed later, each time it is", () => {
  const before = tableAt(0);
  before.restarts("a.service");
  before.restarts("b.service");
  const { table, restarts, stored, time } = tableAt(60);
  table.recent.restore(before.table.recent.stored());
  expect(stored()).toEqual(["a.service", "b.service"]);
  const unit = table.obtain("a.service");
  expect(unit?.counters.recentRestarts(time.nowNs)).toMatchObject({ count: 1 });
  expect(unit?.hasCounters).toBe(false);
  restarts("a.service");
  expect(unit?.counters.recentRestarts(time.nowNs)).toMatchObject({ count: 2 });
  table.obtain("b.service");
  table.forgetAll();
  expect(table.obtain("b.service")?.counters.recentRestarts(time.nowNs)?.count).toBe(1);
  expect(stored()).toEqual(["b.service", "a.service"]);
});

test("stores nothing again that isn't recent any more", () => {
  const before = tableAt(0);
  before.restarts("a.service");
  const { table, stored, time } = tableAt(899);
  table.recent.restore(before.table.recent.stored());
  expect(stored()).toEqual(["a.service"]);
  time.nowNs += SECOND_NS;
  expect(stored()).toEqual([]);
  const unit = table.obtain("a.service");
  expect(unit?.counters.recentRestarts(time.nowNs)).toBeUndefined();
});

test("forgets what was stored when another container continues the counters", () => {
  const before = tableAt(0);
  before.restarts("a.service");
  const { table, stored } = tableAt(60);
  table.recent.restore(before.table.recent.stored());
  table.renewCounters(new LabelSet([["container", "d"]]));
  expect(stored()).toEqual([]);
});
