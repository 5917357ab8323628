import { expect, test } from "@jest/globals";
import { SeriesBudget } from "../../../src/state/units/series-budget.ts";
import { unitAdmission } from "../../../src/state/units/unit-admission.ts";

const series = new SeriesBudget(0);

test("shows a unit when include matches and exclude doesn't", () => {
  const admission = unitAdmission(/^(?:.+\.service|x.*)$/, /^(?:.*debug.*)$/, series);
  const shown = (name: string): boolean => admission.shown(name);
  expect(["a.service", "xyz.mount", "a.mount", "debug.service", "xdebug"].map(shown)).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("returns the same answer when it is asked again, past the cache's bound too", () => {
  const admission = unitAdmission(/^\d*[02468]\.service$/, /^0\.service$/, series);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 25_000; i++) {
      if (admission.shown(`${i}.service`) !== (i > 0 && i % 2 === 0)) throw new Error(`${i}`);
    }
  }
  expect(admission.series).toBe(series);
});

test("tests an expression once for each name", () => {
  let asked = 0;
  const include = /^.+$/;
  include.test = () => {
    asked++;
    return true;
  };
  const admission = unitAdmission(include, /^$/, series);
  for (let i = 0; i < 5; i++) admission.shown("a.service");
  expect(asked).toBe(1);
});
