import { expect, test } from "@jest/globals";
import { SeriesBudget } from "../../../src/state/units/series-budget.ts";
import { unitAdmission } from "../../../src/state/units/unit-admission.ts";
import { UnitTable } from "../../../src/state/units/unit-table.ts";
import { LabelSet } from "../../../src/domain/label-set.ts";

function tableOf(limit: number): { table: UnitTable; series: SeriesBudget } {
  const series = new SeriesBudget(limit);
  const admission = unitAdmission(/^(?:.+)$/u, /^(?:.+\.mount)$/u, series);
  return { table: new UnitTable(admission, new LabelSet([])), series };
}

test("takes room whole or not at all, and counts what it refuses", () => {
  const budget = new SeriesBudget(10);
  expect(budget.take(8)).toBe(true);
  expect(budget.take(3)).toBe(false);
  expect(budget.refused).toBe(3);
  expect(budget.take(2)).toBe(true);
  budget.give(8);
  expect(budget.take(8)).toBe(true);
  expect(budget.refused).toBe(3);
});

test("refuses series of new units, and keeps old ones, when the limit is reached", () => {
  const { table, series } = tableOf(20);
  expect(table.obtain("a.service")?.hasSeries).toBe(true);
  expect(table.obtain("b.service")?.hasSeries).toBe(true);
  const refused = table.obtain("c.service");
  expect(refused?.hasSeries).toBe(false);
  expect(refused?.shown).toBe(true);
  expect(series.refused).toBeGreaterThan(0);
  expect(table.obtain("a.service")?.hasSeries).toBe(true);
});

test("takes no room for hidden units, and releases it when a unit is unloaded", () => {
  const { table, series } = tableOf(9);
  expect(table.obtain("a.mount")?.hasSeries).toBe(false);
  expect(series.refused).toBe(0);
  const unit = table.obtain("a.service");
  expect(unit?.hasSeries).toBe(true);
  if (unit !== undefined) table.unload(unit);
  expect(table.obtain("b.service")?.hasSeries).toBe(true);
});

test("keeps a removed unit with counters until the retention ends", () => {
  const { table } = tableOf(100);
  const unit = table.obtain("a.service");
  if (unit === undefined) throw new Error("no unit");
  unit.counters.countFailure("exit-code");
  table.remove(unit, 1_000n);
  table.forgetRemoved(1_000n);
  expect(table.get("a.service")).toBe(unit);
  table.forgetRemoved(1_001n);
  expect(table.get("a.service")).toBeUndefined();
});

test("counts made-up results in one series", () => {
  const { table } = tableOf(100);
  const unit = table.obtain("a.service");
  for (let i = 0; i < 100; i += 1) unit?.counters.countFailure(`made-up-${i}`);
  expect(unit?.failures.size).toBeLessThanOrEqual(25);
  expect(unit?.failures.get("other")).toBeGreaterThan(70);
});
