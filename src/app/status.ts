import { BUILD_INFO } from "../config/build-info.ts";
import type { Change } from "../domain/change.ts";
import type { QueueReport } from "../domain/status.ts";
import { EventFeed } from "../http/handlers/event-feed.ts";
import type { StatusRoutes } from "../http/handlers/status-page.ts";
import { assetOf } from "../page/assets.ts";
import { writeReport } from "../page/fleet-report.ts";
import { inSlices } from "../page/in-slices.ts";
import { rfc3339 } from "../page/rfc3339.ts";
import { writePage } from "../page/render-page.ts";
import type { PageSources } from "../page/render-page.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { Fleet } from "../state/fleet.ts";
import type { EngineWatch } from "../engine/watch/engine-watch.ts";
import type { Hub } from "../state/hub.ts";
import type { AppContext } from "./context.ts";
import { eventReport } from "./event-report.ts";
import { INSTANCE } from "./instance.ts";
import { Lags } from "./lags.ts";

export interface StatusOptions {
  readonly fleet: Fleet;
  readonly hub: Hub;
  readonly watch: Pick<EngineWatch, "up" | "sinceNs" | "reconnects">;
  /** What the engine is called. */
  readonly runtime: () => string;
  /** What waits to be sent over OTLP; undefined where nothing is, or it isn't known. */
  readonly otlpQueue?: () => QueueReport | undefined;
}

export interface Status {
  readonly routes: StatusRoutes;
  /** This container's state was read anew: nothing tells of what is so already. */
  readonly snapshot: (record: ContainerRecord) => void;
  /** Ends those who listen. */
  readonly close: () => void;
}

/** Builds what the status page and the API tell. It listens from now on. */
export function buildStatus(
  context: Pick<AppContext, "config" | "clock">,
  options: StatusOptions,
): Status {
  const { config, clock } = context;
  const { fleet, hub, watch } = options;
  const lags = new Lags();
  const events = new EventFeed<Change>({
    serialize: (change) => JSON.stringify(eventReport(change)),
    instance: INSTANCE.slice(0, 12),
  });
  hub.listen((change) => lags.changed(change, clock.nowNs()));
  hub.listen(events.push);

  const sources: PageSources = {
    containers: () => fleet.containers(),
    watchesSystemd: config.systemd.transport !== "off",
    lagOf: lags.of,
    engine: () => ({
      runtime: options.runtime(),
      up: watch.up,
      since: rfc3339(watch.sinceNs),
      reconnects: watch.reconnects,
      lagSeconds: lags.engine ?? null,
    }),
    otlpQueue: () => options.otlpQueue?.(),
    lastEventId: () => events.lastId,
    newest: (count) => events.newest(count),
    nowNs: () => clock.nowNs(),
    version: BUILD_INFO.version,
    telemetryPath: config.web.telemetryPath,
  };
  return {
    routes: {
      page: (names) => inSlices(writePage(sources, names && new Set(names))),
      state: (names) => inSlices(writeReport(sources, names && new Set(names))),
      events,
      asset: assetOf,
    },
    snapshot: ({ identity: { name, node, cluster } }) => {
      events.aside("snapshot", name, JSON.stringify({ container: name, node, cluster }));
    },
    close: () => events.close(),
  };
}
