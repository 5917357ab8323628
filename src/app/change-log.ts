import type { Change } from "../domain/change.ts";
import type { Logger } from "../domain/log.ts";

/** Logs a change of a watch at its level, and any other change at debug. */
export function logChange(change: Change, log: Logger): void {
  const isEngine = change.identity === undefined;
  const fields = { container: change.container || undefined, detail: change.detail };
  switch (change.kind) {
    case "monitor.error":
      log.error(isEngine ? "engine watch failed" : "systemd watch failed", fields);
      break;
    case "monitor.lost":
      log.warn(isEngine ? "engine watch lost" : "systemd watch lost", fields);
      break;
    case "monitor.recovered":
      log.info(isEngine ? "engine watch restored" : "systemd watch restored", fields);
      break;
    default:
      log.debug(change.kind, { ...fields, unit: change.unit || undefined });
  }
}
