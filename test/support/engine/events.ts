import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Engine } from "./docker.ts";
import { slowMs } from "../slowness.ts";

/** Record of `docker events --format {{json .}}`, with the fields that all API versions share. */
export interface DockerEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: {
    readonly ID: string;
    readonly Attributes: Readonly<Record<string, string>>;
  };
  readonly timeNano: number;
}

export interface EventFilter {
  /** Such as `oom` or `health_status`. */
  readonly action: string;
  /** Name or id of a container. */
  readonly container: string;
  /** Unix time of the first event that counts. Default: now. */
  readonly sinceMs?: number;
  /** Default 15,000. */
  readonly timeoutMs?: number;
}

/** Waits for the first event that matches. @throws at the time limit */
export async function waitForEvent(engine: Engine, filter: EventFilter): Promise<DockerEvent> {
  const { action, container, sinceMs = Date.now(), timeoutMs = 15_000 } = filter;
  const filters = ["type=container", `event=${action}`, `container=${container}`];
  const events = spawn(
    "docker",
    [
      `--host=${engine.host}`,
      "events",
      "--format={{json .}}",
      `--since=${(sinceMs / 1000).toFixed(3)}`,
      ...filters.map((text) => `--filter=${text}`),
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  try {
    const lines = createInterface({ input: events.stdout });
    const [line] = await once(lines, "line", { signal: AbortSignal.timeout(slowMs(timeoutMs)) });
    return JSON.parse(String(line)) as DockerEvent;
  } catch (cause) {
    throw new Error(`no event ${action} of ${container} in ${timeoutMs} ms`, { cause });
  } finally {
    events.kill();
  }
}
