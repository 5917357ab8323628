import { once } from "node:events";
import { connect } from "node:net";
import { nodeByteStream } from "../../support/systemd/node-byte-stream.ts";
import { systemClock } from "../../../src/platform/time/clock.ts";
import { DbusTransport } from "../../../src/systemd/transport/dbus-transport.ts";
import type { TestNode } from "../../support/engine/node.ts";
import { percentile } from "../section.ts";
import { pidOfNode } from "./node-process.ts";

const BUS = "run/dbus/system_bus_socket";

/**
 * Measures how late the changes of units are on the nodes' own buses; no watcher can be faster. It
 * connects to the sockets directly, without an engine.
 */
export class BusLag implements Disposable {
  readonly #lagsMs: number[] = [];
  readonly #transports: DbusTransport[] = [];

  static async open(nodes: readonly TestNode[]): Promise<BusLag> {
    const made = new BusLag();
    for (const node of nodes) await made.#listen(node);
    return made;
  }

  /** Lag of each change in ms. */
  get lagsMs(): readonly number[] {
    return this.#lagsMs;
  }

  /** Returns a percentile of the lag in ms; `part` is from 0 to 1. */
  percentile(part: number): number {
    return percentile(this.#lagsMs, part);
  }

  async #listen(node: TestNode): Promise<void> {
    const socket = connect(`/proc/${await pidOfNode(node)}/root/${BUS}`);
    await once(socket, "connect");
    const changes = new Map<string, bigint>();
    const sinceNs = systemClock.nowNs();
    const transport = await DbusTransport.connect(nodeByteStream(socket, socket), {
      target: "bus",
      clock: systemClock,
    });
    this.#transports.push(transport);
    await transport.subscribe((message) => {
      if (message.kind !== "unit") return;
      const { unit, timeNs, stateChangeNs } = message;
      // Signals of other properties carry the time of an earlier change.
      if (stateChangeNs <= (changes.get(unit) ?? sinceNs)) return;
      changes.set(unit, stateChangeNs);
      this.#lagsMs.push(Number(timeNs - stateChangeNs) / 1e6);
    });
  }

  [Symbol.dispose](): void {
    for (const transport of this.#transports) transport.close();
  }
}
