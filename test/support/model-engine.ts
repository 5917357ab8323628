import type { EngineEvent } from "../../src/domain/engine-event.ts";
import type { EngineSink, EngineSource, Inspection } from "../../src/domain/engine-source.ts";
import { engineEvent, idOf } from "./engine-facts.ts";
import { FakeClock } from "./fake-clock.ts";
import { ModelContainer, type ModelTime } from "./model-container.ts";

/** Number of events that the real engine keeps. */
const RING = 256;

/** Model of an engine: it has containers, keeps its newest events, and its stream can break. */
export class ModelEngine implements EngineSource {
  readonly time: ModelTime = { nowNs: 1_700_000_000_000_000_000n };
  readonly containers = new Map<string, ModelContainer>();
  /** Names of containers that can't be inspected. */
  readonly broken = new Set<string>();
  /** Called while a request is under way. */
  meanwhile: () => void = () => {};
  #ring: EngineEvent[] = [];
  /** Events that the stream hasn't delivered yet. */
  #pipe: EngineEvent[] = [];
  #stream: { readonly sink: EngineSink; readonly end: () => void } | undefined;
  #isDown = false;

  /** Clock with the engine's time; a test fires its timers. */
  clock(): FakeClock {
    const { time } = this;
    return new (class extends FakeClock {
      override nowNs(): bigint {
        return time.nowNs;
      }
    })();
  }

  create(name: string): ModelContainer {
    const container = new ModelContainer(name, this.time);
    this.containers.set(name, container);
    container.create();
    this.#collect(container);
    return container;
  }

  /** Runs an action of the container, and emits its events. */
  happen(container: ModelContainer, what: (container: ModelContainer) => void): void {
    what(container);
    this.#collect(container);
  }

  /** Makes inspections of the container fail, or succeed again. */
  toggle({ name }: ModelContainer): void {
    if (!this.broken.delete(name)) this.broken.add(name);
  }

  remove(container: ModelContainer): void {
    this.containers.delete(container.name);
    this.time.nowNs += 1_000_000n;
    this.#emit(engineEvent("destroy", container.name, { timeNs: this.time.nowNs }));
  }

  /** Delivers the next `count` events of the stream. */
  deliver(count = Number.POSITIVE_INFINITY): void {
    for (let i = 0; i < count; i++) {
      const event = this.#pipe.shift();
      if (event === undefined) return;
      this.#stream?.sink.event(event);
    }
  }

  /** Ends the stream; undelivered events are lost. */
  cut(): void {
    this.#pipe = [];
    this.#stream?.end();
    this.#stream = undefined;
  }

  /** Loses the undelivered events, also for replays; the stream continues. */
  lose(): void {
    this.#pipe = [];
    this.#ring = [];
  }

  /** Drops all kept events, as a restart of the engine does. */
  forget(): void {
    this.cut();
    this.#ring = [];
  }

  /** Every request fails while the engine is down. */
  set down(isDown: boolean) {
    this.#isDown = isDown;
    if (isDown) this.cut();
  }

  events(
    sink: EngineSink,
    { sinceNs, signal }: { readonly sinceNs: bigint; readonly signal: AbortSignal },
  ): Promise<void> {
    if (this.#isDown) return Promise.reject(new Error("the engine is down"));
    const { promise, resolve } = Promise.withResolvers<void>();
    const stream = { sink, end: resolve };
    this.#stream = stream;
    this.#pipe = this.#ring.filter(({ timeNs }) => timeNs >= sinceNs);
    signal.addEventListener("abort", () => {
      if (this.#stream === stream) this.cut();
      resolve();
    });
    return promise;
  }

  async replay(
    sink: EngineSink,
    options: { readonly sinceNs: bigint; readonly untilNs: bigint },
  ): Promise<void> {
    await this.#ask();
    const { sinceNs, untilNs } = options;
    const past = this.#ring.filter(({ timeNs }) => timeNs >= sinceNs && timeNs <= untilNs);
    await Promise.resolve();
    for (const event of past) sink.event(event);
  }

  async list(): Promise<readonly string[]> {
    await this.#ask();
    const ids = [...this.containers.keys()].map(idOf);
    await this.#ask();
    return ids;
  }

  async inspect(ids: readonly string[]): Promise<Inspection> {
    await this.#ask();
    const wanted = new Set(ids);
    const all = [...this.containers.values()].filter(({ name }) => wanted.has(idOf(name)));
    const failed = new Set(all.filter(({ name }) => this.broken.has(name)));
    const readable = all.filter((container) => !failed.has(container));
    const details = readable.map((container) => container.inspect());
    await this.#ask();
    // The list is read after that, and shows what happened in the meantime.
    const failures = [...this.containers.values()]
      .filter((container) => failed.has(container))
      .map((container) => {
        const { identity, status } = container.inspect();
        const summary = { identity, status };
        return { id: identity.id, error: new Error("boom"), summary };
      });
    return { details, failures };
  }

  async #ask(): Promise<void> {
    await Promise.resolve();
    if (this.#isDown) throw new Error("the engine is down");
    this.meanwhile();
  }

  #collect(container: ModelContainer): void {
    for (const event of container.takeEvents()) this.#emit(event);
  }

  #emit(event: EngineEvent): void {
    this.#ring.push(event);
    if (this.#ring.length > RING) this.#ring.shift();
    if (this.#stream !== undefined) this.#pipe.push(event);
  }
}
