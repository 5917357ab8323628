import type { Environment } from "./flag/settings.ts";

/** What systemd asks of a service of Type=notify. */
export interface ServiceManager {
  /** Where it takes notifications: a path, or an abstract name that begins with `@`. */
  readonly notifySocket: string;
  /** It is to be told this often at the least that the service is alive; undefined: never. */
  readonly watchdogMs: number | undefined;
}

/** They are for this process alone: whoever it starts is no service. */
export const SERVICE_MANAGER_VARIABLES = [
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
] as const;

/** Shorter ones aren't kept: each notification takes a process. */
const MIN_WATCHDOG_MS = 1_000;

/** Reads what sd_notify(3) and sd_watchdog_enabled(3) read; undefined where systemd asks nothing. */
export function readServiceManager(env: Environment): ServiceManager | undefined {
  const { NOTIFY_SOCKET: notifySocket = "", WATCHDOG_USEC: usec = "", WATCHDOG_PID: pid } = env;
  if (!/^[/@]./.test(notifySocket)) return undefined;
  const isOurs = pid === undefined || pid === "" || Number(pid) === process.pid;
  const watchdogMs = isOurs && /^\d{1,15}$/.test(usec) ? Number(usec) / 1_000 : 0;
  return {
    notifySocket,
    watchdogMs: watchdogMs >= MIN_WATCHDOG_MS ? watchdogMs : undefined,
  };
}
