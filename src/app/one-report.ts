import { BUILD_INFO } from "../config/build-info.ts";
import type { WatchConfig } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import type { JournalLine } from "../domain/journal.ts";
import type { StatusReport } from "../domain/status.ts";
import { inSlices } from "../page/in-slices.ts";
import { writeReport } from "../page/report.ts";
import type { ReportSelection, ReportSources } from "../page/report.ts";
import { rfc3339 } from "../page/rfc3339.ts";
import type { EngineWatch } from "../engine/watch/engine-watch.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { Fleet } from "../state/fleet.ts";

/** Yields the host first, if it is watched, then the containers. */
export function* withHost(
  fleet: Pick<Fleet, "containers" | "host">,
): Generator<ContainerRecord, void, void> {
  if (fleet.host !== undefined) yield fleet.host;
  yield* fleet.containers();
}

/** Returns the state of a watch, as `/api/v1/state` has it. */
export async function oneReport(
  watch: {
    readonly fleet: Pick<Fleet, "containers" | "host">;
    readonly engine: Pick<EngineWatch, "up" | "sinceNs">;
    readonly runtime: string;
  },
  context: {
    readonly config: Pick<WatchConfig, "systemd">;
    readonly clock: Clock;
    /** Default: no unit has any. */
    readonly lastLinesOf?: ReportSources["lastLinesOf"];
  },
  selection: ReportSelection = {},
): Promise<StatusReport> {
  const { fleet, engine, runtime } = watch;
  const { config, clock } = context;
  const sources = {
    containers: () => withHost(fleet),
    watchesSystemd: ({ isHost }: ContainerIdentity) =>
      isHost === true || config.systemd.transport !== "off",
    lagOf: () => undefined,
    engine: () => ({
      runtime,
      up: engine.up,
      since: rfc3339(engine.sinceNs),
      reconnects: 0,
      lagSeconds: null,
    }),
    otlpQueue: () => undefined,
    lastEventId: () => "",
    lastLinesOf: context.lastLinesOf ?? ((): readonly JournalLine[] => []),
    nowNs: () => clock.nowNs(),
    version: BUILD_INFO.version,
  };
  const body = await inSlices(writeReport(sources, undefined, selection));
  return JSON.parse(body.toString()) as StatusReport;
}
