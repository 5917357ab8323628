import { expect, test } from "@jest/globals";
import { prometheusLabel, prometheusName } from "../../docs/generate/prometheus-names.ts";

// Right-hand sides are from Prometheus 3.5.3, which received these metrics over OTLP.
test.each([
  ["container.last_exit.code", "{code}", "gauge", "container_last_exit_code"],
  ["container.last_exit.code", "1", "gauge", "container_last_exit_code_ratio"],
  ["container.start.time", "s", "gauge", "container_start_time_seconds"],
  ["container.oom_events", "{event}", "counter", "container_oom_events_total"],
  ["systemd.unit.state", "1", "updowncounter", "systemd_unit_state"],
  ["systemd.unit.count", "{unit}", "updowncounter", "systemd_unit_count"],
  ["unitwatch.otlp.queue.size", "By", "updowncounter", "unitwatch_otlp_queue_size_bytes"],
  ["unitwatch.event.lag", "s", "histogram", "unitwatch_event_lag_seconds"],
] as const)("names %s with the unit %s as Prometheus does: a %s", (name, unit, kind, named) => {
  expect(prometheusName({ name, unit, kind })).toBe(named);
});

test("makes labels of attributes as Prometheus does", () => {
  expect(prometheusLabel("systemd.unit.active_state")).toBe("systemd_unit_active_state");
});
