import { signalName } from "../../src/domain/exit-status.ts";
import { BOOT_STAGES } from "../../src/domain/readings.ts";
import type { TestNode } from "./engine/node.ts";
import type { Scrape } from "./exposition.ts";

/** Values by series: `systemd_unit_tasks_current a.service`. */
export type Values = Readonly<Record<string, number | string>>;

const NO_VALUE = String(2n ** 64n - 1n);
/** Version of systemd from which systemctl prints times as numbers. */
const UNIX_TIMES = 251;
const TYPES = ["service", "socket", "timer", "target", "path"];
const SIGNAL = "systemd_service_exec_main_signal";
/** Units whose figures of a cgroup don't change between two looks. */
const STILL = "still.service";

/** Metrics by property of `systemctl show`, for units of a type; "" is any. */
const PROPERTIES: readonly (readonly [type: string, property: string, metric: string])[] = [
  ["timer", "LastTriggerUSec", "systemd_timer_last_trigger_seconds"],
  ["socket", "NAccepted", "systemd_socket_accepted_connections_total"],
  ["socket", "NConnections", "systemd_socket_current_connections"],
  ["socket", "NRefused", "systemd_socket_refused_connections_total"],
  ["service", "TasksCurrent", "systemd_unit_tasks_current"],
  ["service", "TasksMax", "systemd_unit_tasks_max"],
  ["service", "ExecMainStatus", "systemd_service_exec_main_status"],
  ["", "ActiveEnterTimestamp", "systemd_unit_active_enter_time_seconds"],
  ["", "ActiveExitTimestamp", "systemd_unit_active_exit_time_seconds"],
  ["", "InactiveEnterTimestamp", "systemd_unit_inactive_enter_time_seconds"],
  ["", "InactiveExitTimestamp", "systemd_unit_inactive_exit_time_seconds"],
  [STILL, "CPUUsageNSec", "systemd_unit_cpu_seconds_total"],
  [STILL, "MemoryCurrent", "systemd_unit_memory_current_bytes"],
  [STILL, "MemoryPeak", "systemd_unit_memory_peak_bytes"],
  [STILL, "IOReadBytes", "systemd_unit_io_read_bytes_total"],
  [STILL, "IOWriteBytes", "systemd_unit_io_write_bytes_total"],
  ["service", "IPIngressBytes", "systemd_service_ip_ingress_bytes"],
  ["service", "IPIngressPackets", "systemd_service_ip_ingress_packets_total"],
  ["service", "IPEgressBytes", "systemd_service_ip_egress_bytes"],
  ["service", "IPEgressPackets", "systemd_service_ip_egress_packets_total"],
];

/** Returns the values that `systemctl show` has; times in whole seconds. */
export async function trueQueried(node: TestNode): Promise<Values> {
  const values: Record<string, number | string> = {};
  const patterns = TYPES.map((type) => `*.${type}`);
  const [, version] = /^systemd (\d+)/.exec(await node.systemctl("--version")) ?? [];
  // Older ones print dates, in UTC.
  const options = Number(version) >= UNIX_TIMES ? ["--all", "--timestamp=unix"] : ["--all"];
  const shown = await node.systemctl("show", ...options, ...patterns);
  for (const block of shown.split("\n\n")) {
    const properties = propertiesOf(block);
    const unit = properties.get("Id") ?? "";
    if (properties.get("LoadState") !== "loaded") continue;
    for (const [of, property, metric] of PROPERTIES) {
      if (of !== "" && of !== unit && !unit.endsWith(`.${of}`)) continue;
      const value = numberOf(property, properties.get(property));
      if (value !== undefined) values[`${metric} ${unit}`] = value;
    }
    const type = properties.get("Type");
    const isKilled = /^[23]$/.test(properties.get("ExecMainCode") ?? "");
    if (unit.endsWith(".service") && isKilled) {
      values[`${SIGNAL} ${unit}`] = signalName(Number(properties.get("ExecMainStatus")));
    }
    if (unit.endsWith(".service") && type !== undefined) {
      values[`systemd_unit_info ${unit}`] = type;
    }
  }
  const manager = propertiesOf(await node.systemctl("show", ...options));
  for (const stage of BOOT_STAGES) {
    const property = `${stage}TimestampMonotonic`;
    const monotonic = numberOf(property, manager.get(property));
    if (monotonic !== undefined) values[`systemd_boot_monotonic_seconds ${stage}`] = monotonic;
  }
  return values;
}

/** Returns the same values as a scrape shows them. */
export function shownQueried(scrape: Scrape, container: string): Values {
  const values: Record<string, number | string> = {};
  for (const [of, , metric] of PROPERTIES) {
    for (const { labels, value } of scrape.select(metric, { container })) {
      const { name = "" } = labels;
      if (of === STILL && name !== STILL) continue;
      values[`${metric} ${name}`] = metric.endsWith("_time_seconds") ? Math.floor(value) : value;
      if (metric === "systemd_timer_last_trigger_seconds") {
        values[`${metric} ${name}`] = Math.floor(value);
      }
    }
  }
  for (const { labels } of scrape.select("systemd_unit_info", { container })) {
    values[`systemd_unit_info ${labels["name"]}`] = labels["service_type"] ?? "";
  }
  for (const { labels } of scrape.select(SIGNAL, { container })) {
    values[`${SIGNAL} ${labels["name"]}`] = labels["signal"] ?? "";
  }
  const monotonic = "systemd_boot_monotonic_seconds";
  for (const { labels, value } of scrape.select(monotonic, { container })) {
    values[`${monotonic} ${labels["stage"]}`] = value;
  }
  return values;
}

function propertiesOf(block: string): ReadonlyMap<string, string> {
  return new Map(
    block.split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}

/** Returns a number as metrics have it; undefined if systemd has no value. */
function numberOf(property: string, text: string | undefined): number | undefined {
  // systemctl prints no time where systemd has 0.
  const isTime = /Timestamp$|TriggerUSec$/.test(property);
  if (isTime && (text === "" || text === "n/a")) return 0;
  // 252 prints this one as a date all the same.
  const date = /^\w+ (\S+ \S+ UTC)$/.exec(text ?? "")?.[1];
  if (isTime && date !== undefined) return Date.parse(date) / 1_000;
  const digits = /^@?(\d+)$/.exec(text ?? "")?.[1];
  if (digits === undefined || digits === NO_VALUE) return undefined;
  if (property === "CPUUsageNSec") return Number(digits) / 1e9;
  return property.endsWith("Monotonic") ? Number(digits) / 1e6 : Number(digits);
}
