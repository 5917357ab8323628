import { expect, test } from "@jest/globals";
import { shownMetrics, STATE_METRICS } from "../../src/metrics/catalogue.ts";

test("all metrics are shown where systemd is watched", () => {
  expect(shownMetrics(true)).toEqual(STATE_METRICS);
});

test("where it isn't to be, no metric says that a watch is missing", () => {
  const names = shownMetrics(false).map(({ name }) => name);
  expect(names).toContain("container_state_status");
  expect(names.filter((name) => name.includes("systemd"))).toEqual([]);
});
