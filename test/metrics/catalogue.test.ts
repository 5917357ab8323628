import { expect, test } from "@jest/globals";
import { USAGE_SERIES } from "../../src/domain/container-usage.ts";
import { READING_GROUPS, type ReadingGroup } from "../../src/domain/readings.ts";
import { shownMetrics, STATE_METRICS } from "../../src/metrics/catalogue.ts";
import { OWN_INSTRUMENTS } from "../../src/metrics/own-instruments.ts";

test("shows all metrics when systemd is watched", () => {
  const groups = new Set(READING_GROUPS);
  expect(shownMetrics({ isWatched: true, hasUsage: true, groups })).toEqual(STATE_METRICS);
});

test("shows no unitwatch_systemd_ metric when systemd isn't watched", () => {
  const names = shownMetrics({
    isWatched: false,
    hasUsage: false,
    groups: new Set(READING_GROUPS),
  }).map(({ name }) => name);
  expect(names).toContain("container_state_status");
  expect(names.filter((name) => name.includes("systemd"))).toEqual([]);
});

test("shows what containers use if that is queried, whether systemd is watched or not", () => {
  const named = (isWatched: boolean, hasUsage: boolean): string[] =>
    shownMetrics({ isWatched, hasUsage, groups: new Set() }).map(({ name }) => name);
  for (const isWatched of [true, false]) {
    const without = new Set(named(isWatched, false));
    expect(named(isWatched, true).filter((name) => !without.has(name))).toHaveLength(USAGE_SERIES);
  }
});

test("shows the metrics of the groups that --systemd.collect selects, and of no other", () => {
  const shown = (...groups: ReadingGroup[]): string[] =>
    shownMetrics({ isWatched: true, hasUsage: true, groups: new Set(groups) }).map(
      ({ name }) => name,
    );
  const none = new Set(shown());
  const added = Object.fromEntries(
    READING_GROUPS.map((group) => [group, shown(group).filter((name) => !none.has(name))]),
  );
  expect(added).toEqual({
    timers: ["systemd_timer_last_trigger_seconds"],
    sockets: [
      "systemd_socket_accepted_connections_total",
      "systemd_socket_current_connections",
      "systemd_socket_refused_connections_total",
    ],
    tasks: ["systemd_unit_tasks_current", "systemd_unit_tasks_max"],
    cpu: ["systemd_unit_cpu_seconds_total"],
    memory: ["systemd_unit_memory_current_bytes", "systemd_unit_memory_peak_bytes"],
    io: ["systemd_unit_io_read_bytes_total", "systemd_unit_io_write_bytes_total"],
    ip: [
      "systemd_service_ip_ingress_bytes",
      "systemd_service_ip_ingress_packets_total",
      "systemd_service_ip_egress_bytes",
      "systemd_service_ip_egress_packets_total",
    ],
    watchdog: [
      "systemd_watchdog_enabled",
      "systemd_watchdog_last_ping_monotonic_seconds",
      "systemd_watchdog_last_ping_time_seconds",
      "systemd_watchdog_runtime_seconds",
    ],
    boot: ["systemd_boot_monotonic_seconds", "systemd_boot_time_seconds"],
    info: [
      "systemd_unit_info",
      "systemd_unit_active_enter_time_seconds",
      "systemd_unit_active_exit_time_seconds",
      "systemd_unit_inactive_enter_time_seconds",
      "systemd_unit_inactive_exit_time_seconds",
      "systemd_service_exec_main_status",
      "systemd_service_exec_main_signal",
      "systemd_unit_condition_failed",
      "systemd_jobs",
      "systemd_jobs_installed_total",
      "systemd_jobs_failed_total",
    ],
  });
});

const all = [...STATE_METRICS, ...Object.values(OWN_INSTRUMENTS)].map(({ otel }) => otel);

test("has no updowncounter with a plural name, as OpenTelemetry's conventions require", () => {
  const names = all.filter(({ kind }) => kind === "updowncounter").map(({ name }) => name);
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => name.endsWith("s"))).toEqual([]);
});

test("has the units of the collector's receivers under their names", () => {
  const units = Object.fromEntries(all.map(({ name, unit }) => [name, unit]));
  // receiver/systemdreceiver and receiver/dockerstatsreceiver: metadata.yaml
  expect(units).toMatchObject({
    "systemd.service.cpu.time": "us",
    "systemd.service.restarts": "{restarts}",
    "systemd.unit.state": "1",
    "container.restarts": "{restarts}",
  });
});

test("has no gauge of unit 1, to whose name Prometheus would add _ratio", () => {
  expect(all.filter(({ kind, unit }) => kind === "gauge" && unit === "1")).toEqual([]);
  expect(all.find(({ name }) => name === "container.last_exit.code")?.unit).toBe("{code}");
});
