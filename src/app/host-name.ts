import { existsSync } from "node:fs";
import { hostname } from "node:os";
import type { Config } from "../config/config.ts";
import type { Clock } from "../domain/clock.ts";
import type { Logger } from "../domain/log.ts";
import type { ContainerRuntime } from "../domain/runtime.ts";
import { asError } from "../platform/data/as-error.ts";
import { atMost } from "../platform/time/at-most.ts";
import type { EventBus } from "../state/event-bus.ts";

export interface HostNameOptions {
  readonly config: Pick<Config, "otlp">;
  readonly runtime: Pick<ContainerRuntime, "hostName">;
  readonly bus: Pick<EventBus, "subscribe">;
  readonly clock: Pick<Clock, "setTimeout">;
  readonly log: Logger;
  /** True if the system's name may be that of a container. Default: whether this is one. */
  readonly isContainer?: boolean;
}

/** How long the start waits for the engine: an engine that starts its containers answers later. */
const START_LIMIT_MS = 1_000;
/** Files that Docker and podman put into each container. */
const MARKS = ["/.dockerenv", "/run/.containerenv"];

/**
 * Returns a function with the name of the host for OTLP's resource: the system's own, or in a
 * container the one of the engine's host. If the engine doesn't report it at the start, it is
 * requested again after each listing, and the container's own name stands for it until then.
 */
export async function openHostName(options: HostNameOptions): Promise<() => string> {
  const { config, runtime, bus, clock, log, isContainer = MARKS.some(existsSync) } = options;
  const { logs, metrics, resourceAttributes } = config.otlp;
  const isSent = logs !== undefined || metrics !== undefined;
  const isSet = resourceAttributes.some(([name, value]) => name === "host.name" && value !== "");
  let name: string | undefined;
  if (isContainer && isSent && !isSet) {
    let isAsking = false;
    const ask = async (): Promise<void> => {
      if (isAsking || name !== undefined) return;
      isAsking = true;
      try {
        name = await runtime.hostName();
      } catch (error) {
        // A proxy may not allow it.
        log.debug("host name unavailable from container engine", { err: asError(error) });
      }
      isAsking = false;
    };
    bus.subscribe("listed", () => void ask());
    await atMost(START_LIMIT_MS, clock, ask());
  }
  return () => name ?? hostname();
}
