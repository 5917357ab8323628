import type { Environment } from "./flag/settings.ts";

/** Requirements of systemd on a service of Type=notify. */
export interface ServiceManager {
  /** Socket for notifications: a path, or an abstract name that begins with `@`. */
  readonly notifySocket: string;
  /** Longest interval between two WATCHDOG=1 notifications; undefined: systemd expects none. */
  readonly watchdogMs: number | undefined;
}

/** Variables for this process alone; they are removed from the environment of its children. */
export const SERVICE_MANAGER_VARIABLES = [
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
] as const;

/** Shorter intervals are ignored, because each notification starts a process. */
const MIN_WATCHDOG_MS = 1_000;

/** Reads the variables of sd_notify(3) and sd_watchdog_enabled(3); undefined if there is no socket. */
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
