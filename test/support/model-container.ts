import type { ContainerDetails, ContainerStatus } from "../../src/domain/container.ts";
import type { EngineEvent } from "../../src/domain/engine-event.ts";
import { containerDetails, engineEvent } from "./engine-facts.ts";

const MS = 1_000_000n;

/** Clock of a model engine in Unix nanoseconds. Each event advances it. */
export interface ModelTime {
  nowNs: bigint;
}

/** Container of a model engine: its actions, the engine's events, and the truth. */
export class ModelContainer {
  readonly name: string;
  /** True counts. */
  readonly truth = { starts: 0, exits: 0, restarts: 0 };
  readonly #time: ModelTime;
  #status: ContainerStatus = "created";
  #startedAtNs = 0n;
  #finishedAtNs = 0n;
  #exitCode = 0;
  #restartCount = 0;
  #events: EngineEvent[] = [];

  /** @param time shared by all containers of the engine */
  constructor(name: string, time: ModelTime = { nowNs: 1_700_000_000_000n * MS }) {
    this.name = name;
    this.#time = time;
  }

  get nowNs(): bigint {
    return this.#time.nowNs;
  }

  get status(): ContainerStatus {
    return this.#status;
  }

  /** Returns the events since the last call, in order. */
  takeEvents(): EngineEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  inspect(): ContainerDetails {
    return containerDetails(this.name, {
      status: this.#status,
      startedAtNs: this.#startedAtNs,
      finishedAtNs: this.#finishedAtNs,
      exitCode: this.#exitCode,
      restartCount: this.#restartCount,
    });
  }

  create(): void {
    this.#emit("create");
  }

  /** Starts it, as a user does. */
  start(): void {
    this.#restartCount = 0;
    this.#start();
  }

  /** Ends it without a restart. */
  end(exitCode = 1): void {
    this.#status = "exited";
    this.#finish(exitCode);
  }

  /** Ends it; its restart policy will start it. */
  crash(exitCode = 1): void {
    this.#restartCount += 1;
    this.truth.restarts += 1;
    this.#status = "restarting";
    this.#finish(exitCode);
  }

  /** Starts it by its restart policy after a crash. */
  comeBack(): void {
    this.#start();
  }

  #start(): void {
    this.truth.starts += 1;
    this.#status = "running";
    this.#startedAtNs = this.#pass(100n);
    this.#exitCode = 0;
    this.#emit("start");
  }

  #finish(exitCode: number): void {
    this.truth.exits += 1;
    this.#exitCode = exitCode;
    this.#finishedAtNs = this.#pass(100n);
    this.#emit("die", { exitCode: String(exitCode) });
  }

  /** Emits an event a moment after its cause, as the engine does. */
  #emit(action: string, more: Readonly<Record<string, string>> = {}): void {
    this.#events.push(engineEvent(action, this.name, { ...more, timeNs: this.#pass(1n) }));
  }

  #pass(ms: bigint): bigint {
    this.#time.nowNs += ms * MS;
    return this.#time.nowNs;
  }
}
