import type { EngineWatch } from "../engine/watch/engine-watch.ts";
import type { Fleet } from "../state/fleet.ts";

/**
 * Returns whether what is to be watched is known: once the engine's containers were listed. Where the
 * host is watched too, a host without an engine is ready as well: once an attempt to reach one has failed,
 * and the host's units were listed.
 */
export function readiness(
  { engine }: { readonly engine: Pick<EngineWatch, "listed" | "sinceNs"> },
  fleet: Pick<Fleet, "host">,
): () => boolean {
  let isReady = false;
  return () => {
    isReady ||= engine.listed || (engine.sinceNs > 0n && fleet.host?.systemd.up === true);
    return isReady;
  };
}
