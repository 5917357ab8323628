import type { Clock } from "../../domain/clock.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";

/** The engine waits 100 ms before the first restart, and doubles that up to a minute. */
const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 60_000;
/** A run of this length makes the next wait the shortest again. */
const LONG_RUN_NS = 10_000_000_000n;
/** Time that a restart takes. */
const RESTART_MS = 2_000;
/** Time that the engine takes to cancel a restart. */
const CANCEL_MS = 300;
/** Time that the first start of a new container takes. */
const FIRST_START_MS = 3_000;
/** Longest time between two looks. */
const MAX_PAUSE_MS = 30_000;
/** Looks at a new container: one may wait for its first start for ever. */
const FIRST_START_LOOKS = 4;

/** A change of status that is expected. */
interface Expected {
  readonly status: ContainerRecord["status"];
  readonly finishedAtNs: bigint;
  timer: Disposable;
}

/** Looks to take: the first after `firstMs`, the next after `pauseMs`, then twice that, … */
interface Looks {
  readonly firstMs: number;
  readonly pauseMs: number;
  /** Default: without limit. */
  readonly count?: number;
}

/**
 * Requests looks at containers whose start is overdue. The engine sends no event if a restart fails,
 * if `docker kill` cancels it, or if the first start of a container fails.
 */
export class OverdueStarts implements Disposable {
  readonly #clock: Pick<Clock, "setTimeout">;
  readonly #look: (id: string) => void;
  readonly #byId = new Map<string, Expected>();

  /** @param look inspects the container; the caller passes the answer to `read` */
  constructor(clock: Pick<Clock, "setTimeout">, look: (id: string) => void) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Takes the present state of a container, after anything was read about it. */
  read(record: ContainerRecord): void {
    const expected = this.#byId.get(record.identity.id);
    if (expected !== undefined && isStill(record, expected)) return;
    this.#gone(record.identity.id);
    if (record.status === "restarting" && record.destroyedAtNs === undefined) {
      this.#expect(record, { firstMs: restartWaitMs(record) + RESTART_MS, pauseMs: RESTART_MS });
    }
  }

  /** Takes a container that was just created. */
  created(record: ContainerRecord): void {
    const looks = { firstMs: FIRST_START_MS, pauseMs: FIRST_START_MS, count: FIRST_START_LOOKS };
    if (record.status === "created") this.#expect(record, looks);
  }

  /** Takes a container that is requested to stop. */
  stopping(record: ContainerRecord): void {
    if (record.status !== "restarting") return;
    this.#expect(record, { firstMs: CANCEL_MS, pauseMs: CANCEL_MS * 2 });
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#byId.values()) timer[Symbol.dispose]();
    this.#byId.clear();
  }

  #expect(record: ContainerRecord, looks: Looks): void {
    const { identity, status, finishedAtNs } = record;
    const { id } = identity;
    const { firstMs, count = Number.POSITIVE_INFINITY } = looks;
    this.#gone(id);
    let { pauseMs } = looks;
    let taken = 0;
    const look = (): void => {
      taken += 1;
      if (taken < count) expected.timer = this.#clock.setTimeout(look, pauseMs);
      pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS);
      this.#look(id);
    };
    const expected = { status, finishedAtNs, timer: this.#clock.setTimeout(look, firstMs) };
    this.#byId.set(id, expected);
  }

  #gone(id: string): void {
    this.#byId.get(id)?.timer[Symbol.dispose]();
    this.#byId.delete(id);
  }
}

function isStill(record: ContainerRecord, { status, finishedAtNs }: Expected): boolean {
  const isSame = record.status === status && record.finishedAtNs === finishedAtNs;
  return isSame && record.destroyedAtNs === undefined;
}

/**
 * Returns the longest time that the engine can wait before this restart. The wait is shorter if a
 * run before was long, which isn't known of all of them.
 */
function restartWaitMs({ startedAtNs, finishedAtNs, restartsSeen = 0 }: ContainerRecord): number {
  if (finishedAtNs - startedAtNs > LONG_RUN_NS) return FIRST_WAIT_MS;
  return Math.min(FIRST_WAIT_MS * 2 ** Math.max(0, restartsSeen - 1), MAX_WAIT_MS);
}
