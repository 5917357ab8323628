import client from "prom-client";
import { BUILD_INFO } from "../config/build-info.ts";
import { shownMetrics } from "../metrics/catalogue.ts";
import { HostCgroups } from "../engine/usage/host-cgroups.ts";
import { ContainerUsages } from "../engine/usage/container-usages.ts";
import { OomKills } from "../engine/usage/oom-kills.ts";
import { OwnMetrics } from "../metrics/own-metrics.ts";
import { Scraper } from "../metrics/scrape.ts";
import { Readings } from "../systemd/readings/readings.ts";
import type { Opened, OpenOptions } from "./open.ts";
import { buildStatus } from "./status.ts";
import type { Status } from "./status.ts";
import { buildWatch } from "./watch.ts";
import { readUnitExtras } from "./unit-extras.ts";
import type { Watch } from "./watch.ts";

export interface Built {
  readonly watch: Watch;
  /** Reads what no event carries, if it is older than 5 s; takes 1 s at most. */
  readonly refresh: () => Promise<void>;
  readonly scraper: Scraper;
  readonly own: OwnMetrics;
  readonly status: Status;
  readonly oomKills: Disposable;
}

function linesOf({ journal }: OpenOptions["config"]): number {
  return journal.records === "off" ? 0 : journal.lines;
}

/** Builds the watches and what reads the state. Nothing runs yet. */
export function buildParts(opened: Opened, options: OpenOptions): Built {
  const { config, clock } = options;
  const { series, fleet, store } = opened;
  const { runtime } = opened.access;
  const watch = buildWatch({ ...options, ...opened });
  const registry = new client.Registry();
  const { groups, hasUsage } = series;
  const readings = new Readings({ fleet, groups, sourceOf: watch.readingsOf, clock });
  const files = new HostCgroups();
  const usages = hasUsage ? new ContainerUsages({ ...options, fleet, runtime, files }) : undefined;
  const oomKills = new OomKills({ fleet, files, clock, log: options.log });
  if (hasUsage) {
    options.bus.subscribe("stateRead", ({ record, source }) => {
      if (source === "engine") oomKills.sync(record);
    });
  }
  const refresh = async (): Promise<void> => {
    await Promise.all([readings.refresh(), usages?.refresh()]);
  };
  const isWatched = config.systemd.transport !== "off" || config.systemd.host;
  const scraper = new Scraper(fleet, shownMetrics({ isWatched, groups, hasUsage }), registry);
  const own = new OwnMetrics({
    ...BUILD_INFO,
    clock,
    registry,
    engineUp: () => watch.engine.up,
    engineReconnects: () => watch.engine.reconnects,
    series: () => scraper.samples,
    seriesRefused: () => series.refused,
    logQueue: () => store.queue?.state,
  });
  const status = buildStatus({
    config,
    clock,
    fleet,
    engine: watch.engine,
    runtime: () => runtime.engine,
    restored: store.restored?.containers,
    otlpQueue: () => store.queue?.state,
    readExtras: (units, hasLines) =>
      readUnitExtras(units, { watch, lines: linesOf(config), clock, hasLines }),
  });
  return { watch, refresh, scraper, own, status, oomKills };
}
