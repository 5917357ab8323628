import type { ContainerDetails, ContainerStatus } from "../../src/domain/container.ts";
import type { EngineEvent } from "../../src/domain/engine-event.ts";
import { containerDetails, engineEvent } from "./engine-facts.ts";

const MS = 1_000_000n;

/** The clock of a made-up engine: Unix nanoseconds. It goes on as things happen. */
export interface ModelTime {
  nowNs: bigint;
}

/** A container of a made-up engine: what happens to it, what the engine tells, and what is true. */
export class ModelContainer {
  readonly name: string;
  /** What truly happened. */
  readonly truth = { starts: 0, exits: 0, restarts: 0 };
  readonly #time: ModelTime;
  #status: ContainerStatus = "created";
  #startedAtNs = 0n;
  #finishedAtNs = 0n;
  #exitCode = 0;
  #restartCount = 0;
  #events: EngineEvent[] = [];

  /** @param time shared with the other containers of the engine */
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

  /** Events since the last time this was asked, in order. */
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
    this.#tell("create");
  }

  /** Somebody starts it. */
  start(): void {
    this.#restartCount = 0;
    this.#start();
  }

  /** It ends, and is not started again. */
  end(exitCode = 1): void {
    this.#status = "exited";
    this.#finish(exitCode);
  }

  /** It ends, and waits to be started by its policy. */
  crash(exitCode = 1): void {
    this.#restartCount += 1;
    this.truth.restarts += 1;
    this.#status = "restarting";
    this.#finish(exitCode);
  }

  /** Its policy starts it after a crash. */
  comeBack(): void {
    this.#start();
  }

  #start(): void {
    this.truth.starts += 1;
    this.#status = "running";
    this.#startedAtNs = this.#pass(100n);
    this.#exitCode = 0;
    this.#tell("start");
  }

  #finish(exitCode: number): void {
    this.truth.exits += 1;
    this.#exitCode = exitCode;
    this.#finishedAtNs = this.#pass(100n);
    this.#tell("die", { exitCode: String(exitCode) });
  }

  /** The engine writes an event a moment after what it tells of. */
  #tell(action: string, more: Readonly<Record<string, string>> = {}): void {
    this.#events.push(engineEvent(action, this.name, { ...more, timeNs: this.#pass(1n) }));
  }

  #pass(ms: bigint): bigint {
    this.#time.nowNs += ms * MS;
    return this.#time.nowNs;
  }
}
