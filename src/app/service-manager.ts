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

/** Keeps systemd told of how the service is; disposing it waits until the last word was read. */
export interface ServiceNotifier extends AsyncDisposable {
  /** It is up. Once more does nothing. */
  ready(): void;
}

/**
 * Says READY=1 when told to, WATCHDOG=1 twice in each of systemd's spans, and STOPPING=1 when the
 * program is to end. Does nothing where systemd didn't ask.
 */
export function openServiceNotifier(
  { serviceManager, clock, log, signal }: ServiceNotifierOptions,
  send: typeof systemdNotify = systemdNotify,
): ServiceNotifier {
  if (serviceManager === undefined) return { ready() {}, async [Symbol.asyncDispose]() {} };
  const { notifySocket, watchdogMs } = serviceManager;
  let last: Promise<void> = Promise.resolve();
  let waiting = 0;
  let isReady = false;

  /** One after the other, so that they arrive as they were said. */
  const say = (state: string): void => {
    waiting += 1;
    last = last
      .then(() => send(notifySocket, [state]))
      .catch((error: unknown) => {
        log.limited("systemd").warn("systemd can't be told", { state, err: asError(error) });
      })
      .finally(() => {
        waiting -= 1;
      });
  };
  const alive = (): void => {
    // While systemd hasn't read the last one, another one would tell it no more.
    if (waiting === 0) say("WATCHDOG=1");
  };
  const watchdog = watchdogMs === undefined ? undefined : every(watchdogMs / 2, clock, alive);
  const stopping = (): void => say("STOPPING=1");
  signal.addEventListener("abort", stopping, { once: true });
  return {
    ready() {
      if (isReady) return;
      isReady = true;
      say("READY=1");
    },
    async [Symbol.asyncDispose]() {
      watchdog?.[Symbol.dispose]();
      signal.removeEventListener("abort", stopping);
      await last;
    },
  };
}
