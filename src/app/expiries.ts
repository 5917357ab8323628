import type { Change } from "../domain/change.ts";
import type { Clock } from "../domain/clock.ts";
import type { ContainerIdentity } from "../domain/container.ts";
import { endsOf, RECENT_MS } from "../domain/recent.ts";
import type { ContainerResume } from "../domain/resume.ts";

/** Expiries that lie this close together are one: a container has at most 181 that are pending. */
const STEP_MS = 5_000;

/** Kinds of changes that count for {@link RECENT_MS} as something that happened lately. */
const RECENT_KINDS: ReadonlySet<Change["kind"]> = new Set<Change["kind"]>([
  "container.die",
  "container.oom",
  "container.restart",
  "unit.failed",
  "unit.restart",
]);

/** Finds the containers of which something has become too old to be a problem: no event says so. */
export class Expiries {
  readonly #clock: Clock;
  /** Containers by id, by the step in which something of them has expired. */
  readonly #steps = new Map<number, Map<string, ContainerIdentity>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  changed({ kind, identity, timeNs }: Change): void {
    if (identity === undefined || !RECENT_KINDS.has(kind)) return;
    this.#expect(identity, Number(timeNs / 1_000_000n));
  }

  /** Adds what an earlier process stored of a container. */
  restored({ identity, recent }: Pick<ContainerResume, "identity" | "recent">): void {
    if (recent === undefined) return;
    const { units, ...own } = recent;
    const groups = [
      ...Object.values(own),
      ...units.flatMap(({ failures, restarts }) => [failures, restarts]),
    ];
    for (const timeMs of groups.flatMap(endsOf)) this.#expect(identity, timeMs);
  }

  #expect(identity: ContainerIdentity, timeMs: number): void {
    const ageMs = this.#clock.nowMs() - timeMs;
    if (ageMs >= RECENT_MS) return;
    const atMs = this.#clock.monotonicMs() + RECENT_MS - Math.max(ageMs, 0);
    const step = Math.floor(atMs / STEP_MS) + 1;
    let containers = this.#steps.get(step);
    if (containers === undefined) {
      containers = new Map();
      this.#steps.set(step, containers);
    }
    containers.set(identity.id, identity);
  }

  /** Returns the containers of which something has expired since the last call. */
  take(): Iterable<ContainerIdentity> {
    const nowMs = this.#clock.monotonicMs();
    const expired = new Map<string, ContainerIdentity>();
    for (const [step, containers] of this.#steps) {
      if (step * STEP_MS > nowMs) continue;
      this.#steps.delete(step);
      for (const [id, identity] of containers) expired.set(id, identity);
    }
    return expired.values();
  }
}
