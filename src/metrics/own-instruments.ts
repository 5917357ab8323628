import type { OtelInstrument } from "./metric.ts";

interface OwnInstrument {
  readonly otel: OtelInstrument;
  readonly cardinality: string;
}

function own(otel: OtelInstrument, cardinality = "1"): OwnInstrument {
  return { otel, cardinality };
}

const SIGNAL = { signal: "unitwatch.otlp.signal" };

/**
 * unitwatch's own metrics over OTLP, by their Prometheus names. Of the client library's metrics of
 * the process, only its start is sent, from which rules see whether a counter began with it.
 */
export const OWN_INSTRUMENTS: Readonly<Record<string, OwnInstrument>> = {
  process_start_time_seconds: own({ name: "unitwatch.start.time", unit: "s", kind: "gauge" }),
  unitwatch_build_info: own({
    name: "unitwatch.build.info",
    unit: "1",
    kind: "updowncounter",
    attributes: {
      version: "service.version",
      revision: "vcs.ref.head.revision",
      node_version: "process.runtime.version",
    },
  }),
  unitwatch_engine_up: own({ name: "unitwatch.engine.up", unit: "1", kind: "updowncounter" }),
  unitwatch_engine_reconnects_total: own({
    name: "unitwatch.engine.reconnects",
    unit: "{reconnect}",
    kind: "counter",
  }),
  unitwatch_series: own({
    name: "unitwatch.series.count",
    unit: "{series}",
    kind: "updowncounter",
  }),
  unitwatch_series_refused_total: own({
    name: "unitwatch.series.refused",
    unit: "{series}",
    kind: "counter",
  }),
  unitwatch_events_total: own(
    {
      name: "unitwatch.events",
      unit: "{event}",
      kind: "counter",
      attributes: { kind: "unitwatch.event.kind" },
    },
    "1 per kind",
  ),
  unitwatch_recovered_changes_total: own(
    {
      name: "unitwatch.recovered_changes",
      unit: "{event}",
      kind: "counter",
      attributes: { kind: "unitwatch.event.kind" },
    },
    "1 per kind",
  ),
  unitwatch_dropped_total: own(
    {
      name: "unitwatch.dropped",
      unit: "{item}",
      kind: "counter",
      attributes: { stage: "unitwatch.stage" },
    },
    "1 per stage",
  ),
  unitwatch_parse_errors_total: own(
    {
      name: "unitwatch.parse_errors",
      unit: "{error}",
      kind: "counter",
      attributes: { source: "unitwatch.source" },
    },
    "1 per source",
  ),
  unitwatch_event_lag_seconds: own({
    name: "unitwatch.event.lag",
    unit: "s",
    kind: "histogram",
  }),
  unitwatch_last_event_timestamp_seconds: own({
    name: "unitwatch.last_event.time",
    unit: "s",
    kind: "gauge",
  }),
  unitwatch_otlp_exported_total: own(
    {
      name: "unitwatch.otlp.exported",
      unit: "{item}",
      kind: "counter",
      attributes: SIGNAL,
    },
    "1 per signal",
  ),
  unitwatch_otlp_failures_total: own(
    {
      name: "unitwatch.otlp.failures",
      unit: "{failure}",
      kind: "counter",
      attributes: { ...SIGNAL, reason: "error.type" },
    },
    "1 per signal and reason",
  ),
  unitwatch_otlp_queue_records: own({
    name: "unitwatch.otlp.queue.record.count",
    unit: "{record}",
    kind: "updowncounter",
  }),
  unitwatch_otlp_queue_bytes: own({
    name: "unitwatch.otlp.queue.size",
    unit: "By",
    kind: "updowncounter",
  }),
  unitwatch_otlp_queue_durable: own({
    name: "unitwatch.otlp.queue.durable",
    unit: "1",
    kind: "updowncounter",
  }),
};
