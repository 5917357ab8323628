import { BUILD_INFO } from "../config/build-info.ts";
import type { Config } from "../config/config.ts";
import type { Change } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { FailedRun } from "../domain/journal.ts";
import { eventContainer } from "../domain/container-name.ts";
import type { ContainerResume } from "../domain/resume.ts";
import type { QueueReport } from "../domain/status.ts";
import { unitPath } from "../domain/user-unit.ts";
import { EventFeed } from "../http/handlers/event-feed.ts";
import { withHost } from "./one-report.ts";
import type { StatusRoutes } from "../http/handlers/status-page.ts";
import { assetOf } from "../page/assets.ts";
import { failedBefore, filtered, namedUnits, writeReport } from "../page/report.ts";
import type { ContainerFilter } from "../page/report.ts";
import type { UnitExtras } from "../page/unit-report.ts";
import { inSlices } from "../page/in-slices.ts";
import { rfc3339 } from "../page/rfc3339.ts";
import { writePage } from "../page/render-page.ts";
import type { PageSources } from "../page/render-page.ts";
import { ChangeHistory } from "../state/units/change-history.ts";
import { LastLines } from "../state/units/last-lines.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { Fleet } from "../state/fleet.ts";
import type { UnitRecord } from "../state/units/unit-record.ts";
import type { EngineWatch } from "../engine/watch/engine-watch.ts";
import { Expiries } from "./expiries.ts";
import { eventReport, INSTANCE } from "./event-report.ts";

export interface StatusOptions {
  readonly config: Pick<Config, "journal" | "systemd" | "web">;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly engine: Pick<EngineWatch, "up" | "sinceNs" | "reconnects">;
  /** Name of the engine. */
  readonly runtime: () => string;
  /** State of containers that an earlier process stored. Default: none. */
  readonly restored?: readonly ContainerResume[] | undefined;
  /** Queries further facts about units that a request names. Default: none. */
  readonly readExtras?: ReadExtras;
  /** Size of the queue of log records; undefined without a log export. */
  readonly otlpQueue: () => QueueReport | undefined;
}

export type ReadExtras = (
  units: readonly (readonly [ContainerRecord, UnitRecord])[],
  hasLines: (container: string, unit: string) => boolean,
) => Promise<ReadonlyMap<UnitRecord, UnitExtras>>;

export interface Status {
  readonly routes: StatusRoutes;
  /** Adds the change to the feed of events. */
  readonly changed: (change: Change) => void;
  /** Adds the last lines of a run that failed. */
  readonly linesRead: (failed: FailedRun) => void;
  /** Notifies the clients that the container's state was read, which may differ without a change. */
  readonly stateRead: (record: ContainerRecord) => void;
  /** Notifies the clients of containers of which something isn't recent any more. To be called now and then. */
  readonly expire: () => void;
  /** Ends the streams of all clients. */
  readonly close: () => void;
}

/** Builds the routes of the status page and the API. */
export function buildStatus(options: StatusOptions): Status {
  const { config, clock, fleet, engine } = options;
  const lags = new Lags();
  const events = new EventFeed<Change>({
    serialize: (change) => JSON.stringify(eventReport(change)),
    instance: INSTANCE.slice(0, 12),
  });

  const stateDiffers = (identity: Named): void =>
    events.aside("snapshot", eventContainer(identity), JSON.stringify(snapshotOf(identity)));
  const lastLines = new LastLines(config.journal.lines);
  const history = new ChangeHistory(() => clock.nowNs());
  const expiries = new Expiries(clock);
  for (const container of options.restored ?? []) expiries.restored(container);

  const sources: PageSources = {
    containers: () => withHost(fleet),
    watchesSystemd: ({ isHost }) => isHost === true || config.systemd.transport !== "off",
    lagOf: lags.of,
    engine: () => ({
      runtime: options.runtime(),
      up: engine.up,
      since: rfc3339(engine.sinceNs),
      reconnects: engine.reconnects,
      lagSeconds: lags.engine ?? null,
    }),
    otlpQueue: () => options.otlpQueue(),
    lastEventId: () => events.lastId,
    lastLinesOf: (container, unit) => lastLines.of(container, unit),
    history,
    newest: (count) => events.newest(count),
    nowNs: () => clock.nowNs(),
    version: BUILD_INFO.version,
    telemetryPath: config.web.telemetryPath,
  };
  const extrasOf: (
    filter: ContainerFilter,
    units: ReadonlySet<string> | undefined,
  ) => ReturnType<ReadExtras> | undefined = (filter, units) =>
    filter === undefined || units === undefined
      ? undefined
      : options.readExtras?.(
          [...namedUnits(filtered(sources, filter), units)],
          (container, unit) => lastLines.of(container, unit).length > 0,
        );
  return {
    routes: {
      page: (names) => inSlices(writePage(sources, names && new Set(names))),
      async state(names, { units, attention = false } = {}) {
        const filter = names && new Set(names);
        const selected = units && new Set(units);
        const extras = await (attention && selected === undefined
          ? options.readExtras?.([...failedBefore(filtered(sources, filter))], () => true)
          : extrasOf(filter, selected));
        return inSlices(
          writeReport(sources, filter, { units: selected, attention, ...(extras && { extras }) }),
        );
      },
      events,
      asset: assetOf,
    },
    changed(change) {
      lags.changed(change, clock.nowNs());
      expiries.changed(change);
      history.add(change);
      if (change.kind === "container.destroy") lastLines.forget(change.identity.id);
      events.push(change);
    },
    linesRead(failed) {
      const { identity, run } = failed;
      const unit = unitPath(identity.user, run.unit);
      lastLines.add(identity.id, { ...failed, run: { ...run, unit } });
      stateDiffers(failed.identity);
    },
    stateRead: ({ identity }) => stateDiffers(identity),
    expire() {
      for (const identity of expiries.take()) {
        stateDiffers(identity);
        const present = fleet.get(identity.id)?.identity;
        if (present !== undefined && present.name !== identity.name) stateDiffers(present);
      }
    },
    close: () => events.close(),
  };
}

type Named = Pick<ContainerIdentity, "name" | "node" | "cluster" | "isHost">;

function snapshotOf(identity: Named): Readonly<Record<"container" | "node" | "cluster", string>> {
  const { node, cluster } = identity;
  return { container: eventContainer(identity), node, cluster };
}

const ENGINE = "";

/** Seconds from the newest change of each watch, by its own time, to the state that shows it. */
export class Lags {
  readonly #secondsById = new Map<string, number>();

  /** @param nowNs Unix nanoseconds: when the state shows the change */
  changed(change: Change, nowNs: bigint): void {
    const { kind, identity, recovered, timeNs } = change;
    if (kind === "container.destroy" && identity !== undefined)
      this.#secondsById.delete(identity.id);
    // Only that of the system's manager is shown.
    if (identity?.user !== undefined) return;
    if (recovered || identity === undefined || kind.startsWith("monitor.")) return;
    const seconds = Math.max(0, Number(nowNs - timeNs) / 1e9);
    this.#secondsById.set(kind.startsWith("container.") ? ENGINE : identity.id, seconds);
  }

  /** Lag of the engine's watch; undefined before its first change. */
  get engine(): number | undefined {
    return this.#secondsById.get(ENGINE);
  }

  /** Returns the lag of the container's systemd watch; undefined before its first change. */
  readonly of = (id: string): number | undefined => this.#secondsById.get(id);
}
