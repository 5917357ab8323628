import type { Fleet } from "../state/fleet.ts";
import type { EngineWatch } from "../watch/engine-watch.ts";

/** What the index page tells at a glance. */
export function factsOf(fleet: Fleet, watch: EngineWatch): readonly (readonly [string, string])[] {
  let alive = 0;
  let watched = 0;
  let failed = 0;
  for (const record of fleet.containers()) {
    if (!record.alive) continue;
    alive += 1;
    if (record.systemd.up) watched += 1;
    failed += record.systemd.units.counts().get("failed") ?? 0;
  }
  return [
    ["Container engine", watch.up ? "watched" : "can't be reached"],
    ["Running containers", String(alive)],
    ["of which systemd is watched in", String(watched)],
    ["Failed units", String(failed)],
  ];
}
