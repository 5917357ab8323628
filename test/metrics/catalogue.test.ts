import { expect, test } from "@jest/globals";
import { shownMetrics, STATE_METRICS } from "../../src/metrics/catalogue.ts";

test("shows all metrics when systemd is watched", () => {
  expect(shownMetrics(true)).toEqual(STATE_METRICS);
});

test("shows no unitwatch_systemd_ metric when systemd isn't watched", () => {
  const names = shownMetrics(false).map(({ name }) => name);
  expect(names).toContain("container_state_status");
  expect(names.filter((name) => name.includes("systemd"))).toEqual([]);
});
