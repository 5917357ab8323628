import type { Change } from "../domain/change.ts";
import type { Logger } from "../domain/log.ts";

/** What concerns the watch itself is for the log; what happens in containers only below debug. */
export function logChange(change: Change, log: Logger): void {
  const fields = { container: change.container || undefined, detail: change.detail };
  switch (change.kind) {
    case "monitor.error":
      log.error("cannot watch", fields);
      break;
    case "monitor.lost":
      log.warn("watch lost", fields);
      break;
    case "monitor.recovered":
      log.info("watch is back", fields);
      break;
    default:
      log.debug(change.kind, { ...fields, unit: change.unit || undefined });
  }
}
