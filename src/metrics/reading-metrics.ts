/**
 * Metrics of what no signal carries, by the groups of `--systemd.collect`. Names, labels and types are
 * those of systemd_exporter 0.7 where it has them.
 */
import { signalName } from "../domain/exit-status.ts";
import type { ReadingGroup, UnitReading } from "../domain/readings.ts";
import { MANAGER_METRICS } from "./manager-metrics.ts";
import { infoLabelsOf } from "./systemd-labels.ts";
import { type About, isAnswering, NODE, type ReadingMetric, unitMetric } from "./systemd-reads.ts";

const NAMED = [...NODE, "name"];
const TYPED = [...NAMED, "type"];
const MICROSECONDS = 1e6;
/** Values of ExecMainCode: CLD_KILLED, CLD_DUMPED. */
const KILLED = 2;
const DUMPED = 3;

/** The definition of a metric of units, as far as they differ. */
interface UnitAbout {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly otel: string;
  readonly unit: string;
  /** Units over OTLP in one of the scraped metric, if they differ. */
  readonly factor?: number;
  /** Series: `1 per timer`. */
  readonly per: string;
  /** True for metrics without the label `type`. */
  readonly isNamed?: boolean;
}

/** Returns a metric with one sample for each unit that has a value. */
function valueMetric(
  group: ReadingGroup,
  about: UnitAbout,
  valueOf: (reading: UnitReading) => number | undefined,
): ReadingMetric {
  const { name, type, help, otel, unit, factor, per, isNamed = false } = about;
  const definition: About = {
    name,
    type,
    help,
    labels: isNamed ? NAMED : TYPED,
    otel: { name: otel, unit, kind: type, ...(factor !== undefined && { factor }) },
    cardinality: per,
  };
  const metric = unitMetric(
    definition,
    ({ reading, labels, nameLabels }, visit) => {
      const value = reading && valueOf(reading);
      if (value !== undefined) visit(isNamed ? nameLabels : labels, value);
    },
    isAnswering,
  );
  return { ...metric, group };
}

const UNIT_METRICS: readonly ReadingMetric[] = [
  valueMetric(
    "timers",
    {
      name: "systemd_timer_last_trigger_seconds",
      type: "gauge",
      help: "Unix time at which the timer last started its unit; 0 before the first time.",
      otel: "systemd.timer.last_trigger",
      unit: "s",
      per: "1 per timer",
      isNamed: true,
    },
    ({ lastTrigger }) => lastTrigger,
  ),
  valueMetric(
    "sockets",
    {
      name: "systemd_socket_accepted_connections_total",
      type: "counter",
      help: "Connections that the socket accepted.",
      otel: "systemd.socket.connections.accepted",
      unit: "{connection}",
      per: "1 per socket",
      isNamed: true,
    },
    ({ accepted }) => accepted,
  ),
  valueMetric(
    "sockets",
    {
      name: "systemd_socket_current_connections",
      type: "gauge",
      help: "Connections of the socket that are open.",
      otel: "systemd.socket.connections.current",
      unit: "{connection}",
      per: "1 per socket",
      isNamed: true,
    },
    ({ connections }) => connections,
  ),
  valueMetric(
    "sockets",
    {
      name: "systemd_socket_refused_connections_total",
      type: "gauge",
      help: "Connections that the socket refused. A gauge, as in systemd_exporter.",
      otel: "systemd.socket.connections.refused",
      unit: "{connection}",
      per: "1 per socket",
      isNamed: true,
    },
    ({ refused }) => refused,
  ),
  valueMetric(
    "tasks",
    {
      name: "systemd_unit_tasks_current",
      type: "gauge",
      help: "Tasks of the service.",
      otel: "systemd.unit.tasks.current",
      unit: "{task}",
      per: "1 per service that runs",
      isNamed: true,
    },
    ({ tasks }) => tasks,
  ),
  valueMetric(
    "tasks",
    {
      name: "systemd_unit_tasks_max",
      type: "gauge",
      help: "Maximum number of the service's tasks; absent without a limit.",
      otel: "systemd.unit.tasks.max",
      unit: "{task}",
      per: "1 per service",
    },
    ({ tasksMax }) => tasksMax,
  ),
  valueMetric(
    "cpu",
    {
      name: "systemd_unit_cpu_seconds_total",
      type: "counter",
      help: "CPU time of the unit's present or last run, in user and system mode together.",
      // As the collector's systemd receiver has it, without its attribute `cpu.mode`.
      otel: "systemd.service.cpu.time",
      unit: "us",
      factor: MICROSECONDS,
      per: "1 per unit with CPU accounting",
    },
    ({ cpuSeconds }) => cpuSeconds,
  ),
  valueMetric(
    "memory",
    {
      name: "systemd_unit_memory_current_bytes",
      type: "gauge",
      help: "Memory of the unit.",
      otel: "systemd.unit.memory.current",
      unit: "By",
      per: "1 per unit that runs, with memory accounting",
    },
    ({ memory }) => memory,
  ),
  valueMetric(
    "memory",
    {
      name: "systemd_unit_memory_peak_bytes",
      type: "gauge",
      help: "Most memory that the unit has used in its present run. systemd 257 has it, 252 doesn't.",
      otel: "systemd.unit.memory.peak",
      unit: "By",
      per: "1 per unit that runs, with memory accounting",
    },
    ({ memoryPeak }) => memoryPeak,
  ),
  valueMetric(
    "io",
    {
      name: "systemd_unit_io_read_bytes_total",
      type: "counter",
      help: "Bytes that the unit's present or last run read from block devices. systemd has it with cgroup v2.",
      otel: "systemd.unit.io.read",
      unit: "By",
      per: "1 per unit with IO accounting",
    },
    ({ readBytes }) => readBytes,
  ),
  valueMetric(
    "io",
    {
      name: "systemd_unit_io_write_bytes_total",
      type: "counter",
      help: "Bytes that the unit's present or last run wrote to block devices. systemd has it with cgroup v2.",
      otel: "systemd.unit.io.write",
      unit: "By",
      per: "1 per unit with IO accounting",
    },
    ({ writtenBytes }) => writtenBytes,
  ),
  valueMetric(
    "ip",
    {
      name: "systemd_service_ip_ingress_bytes",
      type: "counter",
      help: "Bytes that the service's present or last run received over IP.",
      otel: "systemd.service.ip.ingress.bytes",
      unit: "By",
      per: "1 per service with IP accounting",
      isNamed: true,
    },
    ({ ingressBytes }) => ingressBytes,
  ),
  valueMetric(
    "ip",
    {
      name: "systemd_service_ip_ingress_packets_total",
      type: "counter",
      help: "Packets that the service's present or last run received over IP.",
      otel: "systemd.service.ip.ingress.packets",
      unit: "{packet}",
      per: "1 per service with IP accounting",
      isNamed: true,
    },
    ({ ingressPackets }) => ingressPackets,
  ),
  valueMetric(
    "ip",
    {
      name: "systemd_service_ip_egress_bytes",
      type: "counter",
      help: "Bytes that the service's present or last run sent over IP.",
      otel: "systemd.service.ip.egress.bytes",
      unit: "By",
      per: "1 per service with IP accounting",
      isNamed: true,
    },
    ({ egressBytes }) => egressBytes,
  ),
  valueMetric(
    "ip",
    {
      name: "systemd_service_ip_egress_packets_total",
      type: "counter",
      help: "Packets that the service's present or last run sent over IP.",
      otel: "systemd.service.ip.egress.packets",
      unit: "{packet}",
      per: "1 per service with IP accounting",
      isNamed: true,
    },
    ({ egressPackets }) => egressPackets,
  ),
  {
    ...unitMetric(
      {
        name: "systemd_unit_info",
        type: "gauge",
        help: "Always 1, with the type of a service, such as oneshot, or of a mount's file system.",
        labels: [...TYPED, "mount_type", "service_type"],
        otel: {
          name: "systemd.unit.info",
          unit: "1",
          kind: "updowncounter",
          attributes: { mount_type: "systemd.mount.type", service_type: "systemd.service.type" },
        },
        cardinality: "1 per service or mount",
      },
      (unit, visit) => {
        const subtype = unit.reading?.subtype;
        if (subtype !== undefined) visit(infoLabelsOf(unit, subtype), 1);
      },
      isAnswering,
    ),
    group: "info",
  },
  valueMetric(
    "info",
    {
      name: "systemd_unit_active_enter_time_seconds",
      type: "gauge",
      help: "Unix time at which the unit last became active; 0 if it never did.",
      otel: "systemd.unit.active_enter.time",
      unit: "s",
      per: "1 per unit",
    },
    ({ activeEnter }) => activeEnter,
  ),
  valueMetric(
    "info",
    {
      name: "systemd_unit_active_exit_time_seconds",
      type: "gauge",
      help: "Unix time at which the unit last ceased to be active; 0 if it never did.",
      otel: "systemd.unit.active_exit.time",
      unit: "s",
      per: "1 per unit",
    },
    ({ activeExit }) => activeExit,
  ),
  valueMetric(
    "info",
    {
      name: "systemd_unit_inactive_enter_time_seconds",
      type: "gauge",
      help: "Unix time at which the unit last became inactive or failed; 0 if it never did.",
      otel: "systemd.unit.inactive_enter.time",
      unit: "s",
      per: "1 per unit",
    },
    ({ inactiveEnter }) => inactiveEnter,
  ),
  valueMetric(
    "info",
    {
      name: "systemd_unit_inactive_exit_time_seconds",
      type: "gauge",
      help: "Unix time at which the unit last ceased to be inactive or failed; 0 if it never did.",
      otel: "systemd.unit.inactive_exit.time",
      unit: "s",
      per: "1 per unit",
    },
    ({ inactiveExit }) => inactiveExit,
  ),
  valueMetric(
    "info",
    {
      name: "systemd_service_exec_main_status",
      type: "gauge",
      help: "Exit status of the service's main process, or number of the signal that ended it; 0 while it runs.",
      otel: "systemd.service.exec_main.status",
      unit: "{code}",
      per: "1 per service",
      isNamed: true,
    },
    ({ exitStatus }) => exitStatus,
  ),
  {
    ...unitMetric(
      {
        name: "systemd_service_exec_main_signal",
        type: "gauge",
        help: "1 for the signal that ended the service's main process; absent while it runs, or if it exited.",
        labels: [...NAMED, "signal"],
        otel: {
          name: "systemd.service.exec_main.signal",
          unit: "1",
          kind: "updowncounter",
          attributes: { signal: "systemd.service.exec_main.signal" },
        },
        cardinality: "1 per service that a signal ended",
      },
      ({ reading, nameLabels }, visit) => {
        const { exitCode, exitStatus } = reading ?? {};
        if (exitStatus === undefined || (exitCode !== KILLED && exitCode !== DUMPED)) return;
        visit(nameLabels, 1, "signal", signalName(exitStatus));
      },
      isAnswering,
    ),
    group: "info",
  },
  valueMetric(
    "info",
    {
      name: "systemd_unit_condition_failed",
      type: "gauge",
      help: "1 for a unit that systemd last didn't start because a condition wasn't met.",
      otel: "systemd.unit.condition.failed",
      unit: "{unit}",
      per: "1 per unit whose conditions weren't met",
    },
    ({ conditionTime = 0, isConditionMet }) =>
      conditionTime > 0 && isConditionMet === false ? 1 : undefined,
  ),
];

/** Metrics of all groups. */
export const READING_METRICS: readonly ReadingMetric[] = [...UNIT_METRICS, ...MANAGER_METRICS];
