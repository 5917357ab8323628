import type { Uninspected } from "../../domain/engine-source.ts";
import type { Logger } from "../../domain/log.ts";
import type { Publisher } from "../../state/event-bus.ts";

/** Counts each failed inspection, and logs each container whose inspection fails once. */
export class InspectFaults {
  readonly #log: Logger;
  readonly #bus: Publisher;
  /** Ids of containers that are logged as failing. */
  readonly #failing = new Set<string>();

  constructor(log: Logger, bus: Publisher) {
    this.#log = log;
    this.#bus = bus;
  }

  failed({ id, error, summary }: Uninspected): void {
    this.#bus.publish("parseError", { source: "inspect" });
    if (this.#failing.has(id)) return;
    this.#failing.add(id);
    this.#log.warn("container inspection failed, using its listing", {
      container: summary.identity.name,
      err: error,
    });
  }

  /** Logs that the inspection of a failing container has succeeded. */
  succeeded(id: string, container: string): void {
    if (this.#failing.delete(id)) this.#log.info("container inspection restored", { container });
  }

  gone(id: string): void {
    this.#failing.delete(id);
  }
}
