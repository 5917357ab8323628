import { expect, test } from "@jest/globals";
import { shownMetrics, STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { OWN_INSTRUMENTS } from "../../src/metrics/own-instruments.ts";

test("shows all metrics when systemd is watched", () => {
  expect(shownMetrics(true)).toEqual(STATE_METRICS);
});

test("shows no unitwatch_systemd_ metric when systemd isn't watched", () => {
  const names = shownMetrics(false).map(({ name }) => name);
  expect(names).toContain("container_state_status");
  expect(names.filter((name) => name.includes("systemd"))).toEqual([]);
});

test("has no gauge of unit 1, to whose name Prometheus would add _ratio", () => {
  const all = [...STATE_METRICS, ...Object.values(OWN_INSTRUMENTS)].map(({ otel }) => otel);
  expect(all.filter(({ kind, unit }) => kind === "gauge" && unit === "1")).toEqual([]);
  expect(all.find(({ name }) => name === "container.last_exit.code")?.unit).toBe("{code}");
});
