import { expect, test } from "@jest/globals";
import { LabelSet } from "../../../src/domain/label-set.ts";
import type { ActiveState } from "../../../src/domain/unit.ts";
import { SeriesBudget } from "../../../src/state/units/series-budget.ts";
import type { UnitRecord } from "../../../src/state/units/unit-record.ts";
import { MAX_UNITS_PER_CONTAINER, UnitTable } from "../../../src/state/units/unit-table.ts";
import { unitRow } from "../../support/systemd-facts.ts";

function tableOf(series = new SeriesBudget(Number.POSITIVE_INFINITY)): {
  readonly table: UnitTable;
  readonly obtain: (name: string) => UnitRecord;
} {
  const table = new UnitTable({ shown: () => true, series }, new LabelSet([["container", "c"]]));
  return {
    table,
    obtain(name) {
      const unit = table.obtain(name);
      if (unit === undefined) throw new Error("the table is full");
      return unit;
    },
  };
}

/** Puts a unit into a state. */
function setState(
  table: UnitTable,
  unit: UnitRecord,
  activeState: ActiveState,
  subState: string,
): void {
  table.update(unit, { ...unit.facts, activeState, subState });
}

test("gives a unit the container's labels, its name and its type", () => {
  const { obtain } = tableOf();
  const unit = obtain('a@"x".b.service');
  expect(unit.type).toBe("service");
  expect(unit.nameLabels.text).toBe(String.raw`container="c",name="a@\"x\".b.service"`);
  expect(unit.labels.text).toBe(`${unit.nameLabels.text},type="service"`);
  expect(obtain("typeless").type).toBe("");
  expect(obtain('a@"x".b.service')).toBe(unit);
});

test("counts units by state when they change in any way", () => {
  const { table, obtain } = tableOf();
  const [a, b] = [obtain("a.service"), obtain("b.service")];
  const count = (): unknown => Object.fromEntries(table.counts());
  expect(count()).toEqual({});
  setState(table, a, "active", "running");
  setState(table, b, "active", "running");
  setState(table, a, "active", "exited");
  expect(count()).toEqual({ active: 2 });
  setState(table, a, "failed", "failed");
  expect(count()).toEqual({ active: 1, failed: 1 });
  table.unload(a);
  table.unload(a);
  expect(count()).toEqual({ active: 1, failed: 0 });
  table.unloadAll();
  expect(count()).toEqual({ active: 0, failed: 0 });
});

test("forgets an unloaded unit unless it has counters", () => {
  const { table, obtain } = tableOf();
  const [a, b] = [obtain("a.service"), obtain("b.service")];
  a.counters.countRestarts(2);
  for (const unit of [a, b]) setState(table, unit, "active", "running");
  table.unloadAll();
  expect(table.get("b.service")).toBeUndefined();
  expect(table.get("a.service")).toBe(a);
  expect(a).toMatchObject({ activeState: undefined, subState: "", restarts: 2 });
});

test("keeps a removed unit after the retention when it is loaded again", () => {
  const { table, obtain } = tableOf();
  const unit = obtain("a.service");
  unit.counters.countFailure("signal");
  setState(table, unit, "failed", "failed");
  table.remove(unit, 10n);
  setState(table, unit, "active", "running");
  table.forgetRemoved(100n);
  expect(table.get("a.service")).toBe(unit);
});

test("gives known and later units the new labels when it is relabelled", () => {
  const { table, obtain } = tableOf();
  const unit = obtain("a.service");
  table.relabel(new LabelSet([["container", "d"]]));
  expect(unit.labels.text).toBe('container="d",name="a.service",type="service"');
  expect(obtain("b.service").nameLabels.text).toBe('container="d",name="b.service"');
});

test("returns only loaded units when a listing lacks them", () => {
  const { table, obtain } = tableOf();
  for (const name of ["a", "b"]) setState(table, obtain(name), "active", "running");
  obtain("known of, and not loaded");
  expect(table.missingFrom([unitRow("a", "active")]).map(({ name }) => name)).toEqual(["b"]);
});

test("takes over counters and nothing else when it inherits", () => {
  const old = tableOf();
  const unit = old.obtain("a.service");
  unit.counters.countRestarts(3);
  unit.counters.countFailure("signal");
  setState(old.table, unit, "failed", "failed");
  old.obtain("b.service");
  const { table } = tableOf();
  table.inherit(old.table.counted());
  expect([...table.values()]).toMatchObject([
    { name: "a.service", restarts: 3, failures: new Map([["signal", 1]]), activeState: undefined },
  ]);
});

test("releases the series of each unit once", () => {
  const series = new SeriesBudget(90);
  const { table, obtain } = tableOf(series);
  for (let i = 0; i < 10; i++) setState(table, obtain(`${i}.service`), "active", "running");
  expect(series.take(1)).toBe(false);
  table.unloadAll();
  table.unloadAll();
  table.forgetAll();
  expect(series.take(91)).toBe(false);
  expect(series.take(90)).toBe(true);
});

test("refuses units when it is full", () => {
  const { table } = tableOf();
  for (let i = 0; i < MAX_UNITS_PER_CONTAINER; i++) table.obtain(`${i}`);
  expect(table.obtain("one more")).toBeUndefined();
  expect(table.obtain("0")).toBeDefined();
  expect(table.size).toBe(MAX_UNITS_PER_CONTAINER);
});
