import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { FakeEngine } from "./fake-engine.ts";
import type { FakeNode } from "./fake-node.ts";

/** Events per second of each kind. */
export interface ChurnRates {
  readonly seconds: number;
  /** Crashes of units that restart. */
  readonly crashes: number;
  /** Units with a new name that start, end and are removed; every second one fails. */
  readonly units: number;
  /** Containers that start and are removed later; every second one reuses a name. */
  readonly containers: number;
  /** Streams that are cut. */
  readonly breaks: number;
}

export type ChurnCounts = Record<"crashes" | "units" | "containers" | "breaks", number>;

const TICK_MS = 5;
/** Transient units and containers that exist at the same time. */
const TRANSIENT_UNITS = 50;
const TRANSIENT_CONTAINERS = 4;

/** Crashes units, and starts and removes units, containers and streams with new names. */
export class Churn {
  readonly #engine: FakeEngine;
  readonly #rates: ChurnRates;
  readonly #units: { readonly node: FakeNode; readonly name: string }[] = [];
  readonly #containers: string[] = [];
  readonly #done: ChurnCounts = { crashes: 0, units: 0, containers: 0, breaks: 0 };
  #turn = 0;

  constructor(engine: FakeEngine, rates: ChurnRates) {
    this.#engine = engine;
    this.#rates = rates;
  }

  /** Resolves to the number of events of each kind. */
  async run(): Promise<ChurnCounts> {
    const { seconds, ...rates } = this.#rates;
    const done = this.#done;
    const begin = performance.now();
    for (;;) {
      const passed = (performance.now() - begin) / 1_000;
      if (passed >= seconds) break;
      while (done.crashes < passed * rates.crashes && this.#crash());
      while (done.units < passed * rates.units && this.#unit());
      while (done.containers < passed * rates.containers) this.#container();
      while (done.breaks < passed * rates.breaks && this.#break());
      await delay(TICK_MS);
    }
    for (const id of this.#containers.splice(0)) this.#engine.remove(id);
    for (const { node, name } of this.#units.splice(0)) node.end(name, false);
    return done;
  }

  #next(): ReturnType<FakeEngine["attached"]["at"]> {
    const { attached } = this.#engine;
    this.#turn += 1;
    return attached[this.#turn % Math.max(1, attached.length)];
  }

  #crash(): boolean {
    this.#done.crashes += this.#next()?.node.crashAll() ?? 0;
    return this.#engine.attached.length > 0;
  }

  #unit(): boolean {
    const node = this.#next()?.node;
    if (node === undefined) return false;
    this.#done.units += 1;
    const name = `run-r${randomBytes(16).toString("hex")}.service`;
    node.begin(name);
    this.#units.push({ node, name });
    if (this.#units.length <= TRANSIENT_UNITS) return true;
    const oldest = this.#units.shift();
    oldest?.node.end(oldest.name, this.#done.units % 2 === 0);
    return true;
  }

  #container(): void {
    this.#done.containers += 1;
    const number = this.#done.containers;
    const id = randomBytes(32).toString("hex");
    const name = number % 2 === 0 ? "again" : `job-${number}`;
    this.#engine.start(id, `sind-bench-${name}`);
    this.#containers.push(id);
    if (this.#containers.length > TRANSIENT_CONTAINERS) {
      this.#engine.remove(this.#containers.shift() ?? "");
    }
  }

  #break(): boolean {
    this.#done.breaks += 1;
    this.#next()?.socket.destroy();
    return this.#engine.attached.length > 0;
  }
}
