import { CONTAINER_STATUSES, HEALTH_STATUSES, type UnknownFact } from "../domain/container.ts";
import type { LabelSet } from "../domain/label-set.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { MetricType, OtelInstrument, StateMetric, VisitSample } from "./metric.ts";

const CONTAINER_LABELS = ["container", "node", "cluster"] as const;

/** Returns a metric whose samples are made container by container. */
function containerMetric(
  name: string,
  type: MetricType,
  about: {
    readonly help: string;
    readonly labels?: readonly string[];
    readonly otel: OtelInstrument;
    /** Of one container. Default: 1. */
    readonly cardinality?: string;
  },
  sample: (record: ContainerRecord, visit: VisitSample) => void,
): StateMetric {
  return {
    name,
    type,
    help: about.help,
    labels: [...CONTAINER_LABELS, ...(about.labels ?? [])],
    otel: about.otel,
    countsSince: type === "counter",
    cardinality: `${about.cardinality ?? "1"} per container`,
    *read(fleet, visit) {
      for (const record of fleet.containers()) {
        if (record.hasSeries) sample(record, visit);
        yield;
      }
    },
  };
}

/** Returns Unix seconds, with fractions as far as a double holds them (about 1 µs). */
function seconds(timeNs: bigint): number {
  return Number(timeNs / 1_000n) / 1e6;
}

function knows({ identity }: ContainerRecord, fact: UnknownFact): boolean {
  return identity.unknown?.includes(fact) !== true;
}

const infoLabels = new WeakMap<ContainerRecord["identity"], LabelSet>();

function infoOf(record: ContainerRecord): LabelSet {
  const { identity } = record;
  let labels = infoLabels.get(identity);
  if (labels === undefined) {
    labels = record.labels.with([
      ["container_id", identity.id],
      ["image", identity.image],
      ["runtime", identity.runtime],
    ]);
    infoLabels.set(identity, labels);
  }
  return labels;
}

export const CONTAINER_METRICS: readonly StateMetric[] = [
  containerMetric(
    "container_info",
    "gauge",
    {
      help: "Always 1, with the container's id, image and runtime to join with.",
      labels: ["container_id", "image", "runtime"],
      otel: { name: "container.info", unit: "1", kind: "updowncounter" },
    },
    (record, visit) => visit(infoOf(record), 1),
  ),
  containerMetric(
    "container_state_status",
    "gauge",
    {
      help: "1 for the container's status, 0 for the others.",
      labels: ["state"],
      otel: {
        name: "container.state",
        unit: "1",
        kind: "updowncounter",
        attributes: { state: "container.state" },
      },
      cardinality: String(CONTAINER_STATUSES.length),
    },
    (record, visit) => {
      for (const status of CONTAINER_STATUSES) {
        visit(record.labels, record.status === status ? 1 : 0, "state", status);
      }
    },
  ),
  containerMetric(
    "container_state_health_status",
    "gauge",
    {
      help: "1 for the status of the health check, 0 for the others; absent without a health check.",
      labels: ["state"],
      otel: {
        name: "container.health.state",
        unit: "1",
        kind: "updowncounter",
        attributes: { state: "container.health.state" },
      },
      cardinality: `up to ${HEALTH_STATUSES.length}`,
    },
    (record, visit) => {
      if (record.health === undefined) return;
      for (const status of HEALTH_STATUSES) {
        visit(record.labels, record.health === status ? 1 : 0, "state", status);
      }
    },
  ),
  containerMetric(
    "container_restarts_total",
    "counter",
    {
      help: "Restarts by the container's restart policy.",
      otel: { name: "container.restarts", unit: "{restarts}", kind: "counter" },
    },
    (record, visit) => {
      if (knows(record, "restarts")) visit(record.labels, record.counters.restarts);
    },
  ),
  containerMetric(
    "container_starts_total",
    "counter",
    {
      help: "Starts of the container, by any cause, since it is watched.",
      otel: { name: "container.starts", unit: "{start}", kind: "counter" },
    },
    (record, visit) => visit(record.labels, record.counters.starts),
  ),
  containerMetric(
    "container_exits_total",
    "counter",
    {
      help: "Exits of the container since it is watched, by exit code (unknown if it was lost).",
      labels: ["exit_code"],
      otel: {
        name: "container.exits",
        unit: "{exit}",
        kind: "counter",
        attributes: { exit_code: "process.exit.code" },
      },
      cardinality: "1 per exit code",
    },
    (record, visit) => {
      for (const [exitCode, count] of record.shownExits) {
        visit(record.labels, count, "exit_code", String(exitCode ?? "unknown"));
      }
    },
  ),
  containerMetric(
    "container_last_exit_code",
    "gauge",
    {
      help: "Exit code of the container's last exit; absent until the first, and while unknown.",
      otel: { name: "container.last_exit.code", unit: "{code}", kind: "gauge" },
    },
    (record, visit) => {
      const code = record.lastExit?.exitCode;
      if (code !== undefined) visit(record.labels, code);
    },
  ),
  containerMetric(
    "container_last_exit_time_seconds",
    "gauge",
    {
      help: "Unix time of the container's last exit; absent until the first.",
      otel: { name: "container.last_exit.time", unit: "s", kind: "gauge" },
    },
    (record, visit) => {
      const timeNs = record.lastExit?.timeNs ?? 0n;
      if (timeNs > 0n) visit(record.labels, seconds(timeNs));
    },
  ),
  containerMetric(
    "container_start_time_seconds",
    "gauge",
    {
      help: "Unix time of the container's last start; absent until the first.",
      otel: { name: "container.start.time", unit: "s", kind: "gauge" },
    },
    (record, visit) => {
      if (record.startedAtNs > 0n) visit(record.labels, seconds(record.startedAtNs));
    },
  ),
  containerMetric(
    "container_oom_events_total",
    "counter",
    {
      help: "Out-of-memory events of the container, and OOM-killed exits without such an event.",
      otel: { name: "container.oom_events", unit: "{event}", kind: "counter" },
    },
    (record, visit) => {
      if (knows(record, "oom")) visit(record.labels, record.counters.oomEvents);
    },
  ),
];
