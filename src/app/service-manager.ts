import { asError } from "../platform/data/as-error.ts";
import { systemdNotify } from "../platform/process/systemd-notify.ts";
import { every } from "../platform/time/every.ts";
import type { ServiceManager } from "../config/service-manager.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";

export interface ServiceNotifierOptions {
  /** undefined if systemd doesn't run this process as a service that notifies it. */
  readonly serviceManager: ServiceManager | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the process begins to stop. */
  readonly signal: AbortSignal;
}

/** Notifies systemd of the service's state. Disposing it waits until the last notification was sent. */
export interface ServiceNotifier extends AsyncDisposable {
  /** Sends READY=1, once. */
  ready(): void;
}

/**
 * Sends READY=1 on request, WATCHDOG=1 twice in each of systemd's intervals, and STOPPING=1 when
 * `signal` aborts. Does nothing if systemd expects no notifications.
 */
export function openServiceNotifier(
  { serviceManager, clock, log, signal }: ServiceNotifierOptions,
  send: typeof systemdNotify = systemdNotify,
): ServiceNotifier {
  if (serviceManager === undefined) return { ready() {}, async [Symbol.asyncDispose]() {} };
  const { notifySocket, watchdogMs } = serviceManager;
  let last: Promise<void> = Promise.resolve();
  let pending = 0;
  let isReady = false;

  /** Sends one after the other, so that they arrive in order. */
  const notify = (state: string): void => {
    pending += 1;
    last = last
      .then(() => send(notifySocket, [state]))
      .catch((error: unknown) => {
        log
          .limited("systemd")
          .warn("service manager notification failed", { state, err: asError(error) });
      })
      .finally(() => {
        pending -= 1;
      });
  };
  const alive = (): void => {
    // While one is pending, another one would add nothing.
    if (pending === 0) notify("WATCHDOG=1");
  };
  const watchdog = watchdogMs === undefined ? undefined : every(watchdogMs / 2, clock, alive);
  const stopping = (): void => notify("STOPPING=1");
  signal.addEventListener("abort", stopping, { once: true });
  return {
    ready() {
      if (isReady) return;
      isReady = true;
      notify("READY=1");
    },
    async [Symbol.asyncDispose]() {
      watchdog?.[Symbol.dispose]();
      signal.removeEventListener("abort", stopping);
      await last;
    },
  };
}
