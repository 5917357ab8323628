import type { Uninspected } from "../../domain/engine-source.ts";
import type { Logger } from "../../domain/log.ts";
import type { Publisher } from "../../state/event-bus.ts";

/** Containers that can't be inspected: each failure is counted, and each container told once. */
export class InspectFaults {
  readonly #log: Logger;
  readonly #bus: Publisher;
  readonly #told = new Set<string>();

  constructor(log: Logger, bus: Publisher) {
    this.#log = log;
    this.#bus = bus;
  }

  failed({ id, error, summary }: Uninspected): void {
    this.#bus.publish("parseError", { source: "inspect" });
    if (this.#told.has(id)) return;
    this.#told.add(id);
    this.#log.warn("container inspection failed, using its listing", {
      container: summary.identity.name,
      err: error,
    });
  }

  /** It could be inspected, under this name. */
  readable(id: string, container: string): void {
    if (this.#told.delete(id)) this.#log.info("container inspection restored", { container });
  }

  gone(id: string): void {
    this.#told.delete(id);
  }
}
