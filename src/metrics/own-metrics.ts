import client from "prom-client";
import type { Change } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import { EventKind } from "../domain/event.ts";
import type { QueueState } from "../domain/record-queue.ts";
import { LoopLag } from "./loop-lag.ts";
import { collectProcessMetrics } from "./process-metrics.ts";

export interface OwnMetricsOptions {
  /** Registry to add the metrics to. Default: a new one. */
  readonly registry?: client.Registry;
  readonly clock: Pick<Clock, "monotonicMs" | "setTimeout">;
  readonly version: string;
  readonly revision: string;
  readonly nodeVersion: string;
  readonly engineUp: () => boolean;
  readonly engineReconnects: () => number;
  readonly series: () => number;
  readonly seriesRefused: () => number;
  /** Undefined if no log records are sent. */
  readonly logQueue: () => QueueState | undefined;
}

/** Buckets in seconds: from less than the time of one signal to that of a gap closed by a snapshot. */
const LAG_BUCKETS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** unitwatch's own metrics, and the client library's metrics of the process. Disposing ends their timers. */
export class OwnMetrics implements Disposable {
  readonly registry: client.Registry;
  /** Changes by kind. Counted here, since the client library looks up a series at each call. */
  readonly #events = new Map<EventKind, number>(Object.values(EventKind).map((kind) => [kind, 0]));
  readonly #recovered: client.Counter<"kind">;
  readonly #dropped: client.Counter<"stage">;
  readonly #parseErrors: client.Counter<"source">;
  readonly #lag: client.Histogram;
  readonly #lastEvent: client.Gauge;
  #newestNs = 0n;
  readonly #exported: client.Counter<"signal">;
  readonly #failures: client.Counter<"signal" | "reason">;
  readonly #loopLag: LoopLag;
  readonly #process: Disposable;

  constructor(options: OwnMetricsOptions) {
    this.registry = options.registry ?? new client.Registry();
    const registers = [this.registry];
    this.#loopLag = new LoopLag(options.clock);
    this.#process = collectProcessMetrics(this.registry, this.#loopLag);
    this.working();
    new client.Gauge({
      name: "unitwatch_build_info",
      help: "Always 1, with the version of unitwatch, its source revision, and the Node.js version.",
      labelNames: ["version", "revision", "node_version"],
      registers,
    }).set(
      {
        version: options.version,
        revision: options.revision,
        node_version: options.nodeVersion,
      },
      1,
    );
    new client.Gauge({
      name: "unitwatch_engine_up",
      help: "1 while the container engine is watched, 0 while it is unreachable.",
      registers,
      collect() {
        this.set(options.engineUp() ? 1 : 0);
      },
    });
    new client.Counter({
      name: "unitwatch_engine_reconnects_total",
      help: "Reconnects of the engine's event stream.",
      registers,
      collect() {
        this.reset();
        this.inc(options.engineReconnects());
      },
    });
    new client.Gauge({
      name: "unitwatch_series",
      help: "Series of containers and units that the last scrape showed.",
      registers,
      collect() {
        this.set(options.series());
      },
    });
    new client.Counter({
      name: "unitwatch_series_refused_total",
      help: "Series that were rejected because of --metrics.series-limit.",
      registers,
      collect() {
        this.reset();
        this.inc(options.seriesRefused());
      },
    });
    registerQueue(registers, options.logQueue);
    const events = this.#events;
    new client.Counter({
      name: "unitwatch_events_total",
      help: "Changes seen, by kind.",
      labelNames: ["kind"],
      registers,
      collect() {
        this.reset();
        for (const [kind, count] of events) this.inc({ kind }, count);
      },
    });
    this.#recovered = new client.Counter({
      name: "unitwatch_recovered_changes_total",
      help: "Changes that were missed, and found later in a snapshot, by kind.",
      labelNames: ["kind"],
      registers,
    });
    this.#dropped = new client.Counter({
      name: "unitwatch_dropped_total",
      help: "Items that were dropped because a bound was reached, by the stage that has the bound.",
      labelNames: ["stage"],
      registers,
    });
    this.#parseErrors = new client.Counter({
      name: "unitwatch_parse_errors_total",
      help: "Inputs that couldn't be parsed, by source.",
      labelNames: ["source"],
      registers,
    });
    this.#lag = new client.Histogram({
      name: "unitwatch_event_lag_seconds",
      help: "Time from a change, by its own clock, to the state that shows it.",
      buckets: LAG_BUCKETS,
      registers,
    });
    this.#lastEvent = new client.Gauge({
      name: "unitwatch_last_event_timestamp_seconds",
      help: "Unix time of the newest change seen.",
      registers,
    });
    this.#exported = new client.Counter({
      name: "unitwatch_otlp_exported_total",
      help: "Log records and data points that an OTLP endpoint accepted, by signal.",
      labelNames: ["signal"],
      registers,
    });
    this.#failures = new client.Counter({
      name: "unitwatch_otlp_failures_total",
      help: "Exports that failed, by signal and reason.",
      labelNames: ["signal", "reason"],
      registers,
    });
    for (const source of ["docker", "inspect", "systemd"]) this.#parseErrors.inc({ source }, 0);
    for (const signal of ["logs", "metrics"]) this.#exported.inc({ signal }, 0);
  }

  /** Measures the lag of the event loop while there is work, such as a change or a scrape. */
  working(): void {
    this.#loopLag.working();
  }

  [Symbol.dispose](): void {
    this.#loopLag[Symbol.dispose]();
    this.#process[Symbol.dispose]();
  }

  /** @param nowNs Unix nanoseconds at which the state shows the change */
  changed(change: Change, nowNs: bigint): void {
    this.working();
    this.#events.set(change.kind, (this.#events.get(change.kind) ?? 0) + 1);
    if (change.recovered) this.#recovered.inc({ kind: change.kind });
    else this.#lag.observe(Math.max(0, Number(nowNs - change.timeNs) / 1e9));
    // A recovered change can be older than the newest.
    if (change.timeNs <= this.#newestNs) return;
    this.#newestNs = change.timeNs;
    this.#lastEvent.set(Number(change.timeNs / 1_000n) / 1e6);
  }

  dropped(stage: string, count = 1): void {
    this.#dropped.inc({ stage }, count);
  }

  parseError(source: "docker" | "inspect" | "systemd"): void {
    this.#parseErrors.inc({ source });
  }

  exported(signal: "logs" | "metrics", count: number): void {
    this.#exported.inc({ signal }, count);
  }

  exportFailed(signal: "logs" | "metrics", reason: string): void {
    this.#failures.inc({ signal, reason });
  }
}

function registerQueue(registers: client.Registry[], state: OwnMetricsOptions["logQueue"]): void {
  new client.Gauge({
    name: "unitwatch_otlp_queue_records",
    help: "Log records that wait for export over OTLP.",
    registers,
    collect() {
      this.set(state()?.records ?? 0);
    },
  });
  new client.Gauge({
    name: "unitwatch_otlp_queue_bytes",
    help: "Bytes of the log records that wait for export over OTLP.",
    registers,
    collect() {
      this.set(state()?.bytes ?? 0);
    },
  });
  new client.Gauge({
    name: "unitwatch_otlp_queue_durable",
    help: "1 while waiting log records outlive unitwatch, 0 while they are in memory or none are sent.",
    registers,
    collect() {
      this.set(state()?.durable === true ? 1 : 0);
    },
  });
}
