import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import { managerOf } from "../domain/user-unit.ts";
import type { Logger } from "../domain/log.ts";
import type { EventBus } from "../state/event-bus.ts";
import type { Fleet } from "../state/fleet.ts";
import { FailureLines } from "../systemd/watch/failure-lines.ts";
import type { Watch } from "./watch.ts";

export interface FailureLinesOptions {
  readonly config: Pick<Config, "journal">;
  readonly fleet: Pick<Fleet, "get">;
  readonly watch: Pick<Watch, "linesOf">;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Reads the last lines of each run that fails from now on, and of the units that had failed before.
 * Disposing it ends the reads.
 */
export function readFailureLines(options: FailureLinesOptions): Disposable {
  const { config, fleet, watch, bus, clock, log } = options;
  const { records, lines } = config.journal;
  if (records === "off") return { [Symbol.dispose]() {} };
  const failureLines = new FailureLines({
    linesOf: (key) => {
      const { id, user } = managerOf(key);
      const record = fleet.get(id);
      return record && watch.linesOf(record, user);
    },
    recordOf: (key) => {
      const { id, user } = managerOf(key);
      const record = fleet.get(id);
      return user === undefined ? record : record?.users.get(user);
    },
    lines,
    found: (failed) => bus.publish("failureLines", failed),
    dropped: (stage, count) => bus.publish("dropped", { stage, count }),
    clock,
    log,
  });
  bus.subscribe("change", (change) => failureLines.changed(change));
  bus.subscribe("stateRead", ({ record, source }) => {
    if (source !== "systemd") return;
    failureLines.listed(record);
    for (const manager of record.users.values()) failureLines.listed(manager);
  });
  return failureLines;
}
