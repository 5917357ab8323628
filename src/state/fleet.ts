import type { ContainerDetails, ContainerIdentity, ContainerSummary } from "../domain/container.ts";
import type { EngineEvent } from "../domain/engine-event.ts";
import { EventKind } from "../domain/event.ts";
import type { ContainerResume, LivesResume } from "../domain/resume.ts";
import { ContainerChanges } from "./containers/container-changes.ts";
import type { ChangeOrigin } from "./containers/container-changes.ts";
import { applyEvent } from "./containers/container-events.ts";
import { RunTracker } from "./containers/run-tracker.ts";
import { ContainerRecord } from "./containers/container-record.ts";
import { foldDetails, foldSummary, reconcile } from "./containers/container-recovery.ts";
import type { FleetEvents } from "../domain/fleet-events.ts";
import type { Identify } from "./containers/identify.ts";
import type { UnitAdmission } from "./units/unit-admission.ts";

export interface FleetOptions {
  readonly events: FleetEvents;
  readonly admission: UnitAdmission;
  readonly identify: Identify;
}

export interface SummaryContext {
  readonly fresh: boolean;
  readonly exact: boolean;
  readonly nowNs: bigint;
}

/**
 * Every container of the engine that is watched, and what is true of it. Changed by the methods
 * below alone, synchronously; each change is told to `events` after the state shows it.
 */
export class Fleet {
  readonly #byId = new Map<string, ContainerRecord>();
  readonly #byName = new Map<string, ContainerRecord>();
  readonly #options: FleetOptions;
  readonly #changes: ContainerChanges;
  /** True once every container is known that there was when the watch began. */
  #isComplete = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#changes = new ContainerChanges(options.events);
  }

  /** How many changes were told as recovered. */
  get recovered(): number {
    return this.#changes.recovered;
  }

  /** Every container, destroyed ones in retention too, one a name. */
  containers(): Iterable<ContainerRecord> {
    return this.#byName.values();
  }

  get(id: string): ContainerRecord | undefined {
    return this.#byId.get(id);
  }

  /**
   * Applies one event of the engine. An event of an unknown container makes it known.
   * Returns the container; undefined where the event tells of none.
   */
  engineEvent(event: EngineEvent): ContainerRecord | undefined {
    const record = this.#recordOf(event);
    if (record === undefined) return undefined;
    if (event.action === "rename") this.#rename(record, event);
    else if (event.action === "destroy") this.#destroy(record, { timeNs: event.timeNs });
    else applyEvent(record, event, this.#changes);
    return record;
  }

  /**
   * Folds in what inspect says of one container, while events may be on their way that it knows of;
   * `fresh` is false where events came since it was asked. What is so already is no change.
   */
  details(details: ContainerDetails, fresh: boolean): ContainerRecord {
    const known = this.#byId.get(details.identity.id);
    if (known === undefined) {
      const record = this.#add(details.identity, { isNew: false });
      record.oom = details.oomKilled ? "event" : "none";
      foldDetails(record, details, { changes: this.#changes, fresh: true });
      return record;
    }
    if (fresh) this.#named(known, details.identity);
    foldDetails(known, details, { changes: this.#changes, fresh });
    return known;
  }

  /**
   * Folds in what inspect says of one container, where every event that it knows of was applied.
   * What it shows beyond those was missed: it is counted, and told as recovered.
   */
  reconcile(details: ContainerDetails, nowNs: bigint): ContainerRecord {
    let record = this.#byId.get(details.identity.id);
    if (record === undefined) {
      if (!this.#isComplete) return this.details(details, true);
      record = this.#add(details.identity, { isNew: true });
      const origin = { timeNs: details.createdAtNs, recovered: true };
      this.#changes.plain(record, EventKind.ContainerCreate, origin);
    }
    this.#named(record, details.identity);
    reconcile(record, details, { changes: this.#changes, nowNs });
    return record;
  }

  /**
   * Folds in what the engine's list says of a container that can't be inspected. Returns the
   * container; undefined where nothing follows.
   *
   * @param context `fresh` is false where events came since it was asked about; `exact` is true
   *   where every event that the list knows of was applied
   */
  listed(summary: ContainerSummary, context: SummaryContext): ContainerRecord | undefined {
    const { identity, status } = summary;
    const { fresh, exact, nowNs } = context;
    const known = this.#byId.get(identity.id);
    if (known !== undefined) {
      if (!fresh) return undefined;
      this.#named(known, identity);
      foldSummary(known, summary, { changes: this.#changes, exact, nowNs });
      return known;
    }
    const record = this.#add(identity, { isNew: this.#isComplete });
    record.status = status;
    if (this.#isComplete) {
      const origin = { timeNs: nowNs, recovered: true };
      this.#changes.plain(record, EventKind.ContainerCreate, origin);
    } else if (exact) record.lives.beginListed(status, nowNs);
    return record;
  }

  /** Every container is known now: one that turns up later was created since. */
  complete(): void {
    this.#isComplete = true;
  }

  /** Begins with what an earlier process knew, in place of nothing. */
  restore(containers: readonly ContainerResume[]): void {
    for (const resume of containers) {
      this.#add(resume.identity, { isNew: true, lives: resume.lives }).restore(resume);
    }
    this.#isComplete = true;
  }

  /** How many containers exist as far as is known. */
  get size(): number {
    return this.#byId.size;
  }

  /** Their ids. */
  ids(): ReadonlySet<string> {
    return new Set(this.#byId.keys());
  }

  /** A complete listing no longer has the container: it was destroyed unseen. */
  vanished(id: string, nowNs: bigint): ContainerRecord | undefined {
    const record = this.#byId.get(id);
    if (record !== undefined) this.#destroy(record, { timeNs: nowNs, recovered: true });
    return record;
  }

  /** Drops what was destroyed before `beforeNs`. */
  forgetDestroyed(beforeNs: bigint): void {
    for (const [name, record] of this.#byName) {
      if (record.destroyedAtNs !== undefined && record.destroyedAtNs < beforeNs) {
        this.#byName.delete(name);
        record.forget();
      } else {
        record.systemd.units.forgetRemoved(beforeNs);
      }
    }
  }

  #recordOf(event: EngineEvent): ContainerRecord | undefined {
    const known = this.#byId.get(event.id);
    if (known !== undefined) return known;
    const name = event.attributes.get("name");
    if (event.id === "" || name === undefined || name === "") return undefined;
    if (event.action === "destroy" || event.action === "rename") return undefined;
    const identity = this.#identityIn(event, { name, image: event.attributes.get("image") ?? "" });
    return this.#add(identity, { isNew: this.#isComplete || event.action === "create" });
  }

  #identityIn(
    event: EngineEvent,
    facts: { readonly name: string; readonly image: string },
  ): ContainerIdentity {
    const label = (key: string): string | undefined => event.attributes.get(key);
    return this.#options.identify({ ...facts, id: event.id, label });
  }

  #add(
    identity: ContainerIdentity,
    past: { readonly isNew: boolean; readonly lives?: LivesResume },
  ): ContainerRecord {
    const earlier = this.#byName.get(identity.name);
    const sameSeries =
      earlier !== undefined &&
      earlier.identity.node === identity.node &&
      earlier.identity.cluster === identity.cluster;
    const counted = sameSeries ? earlier.systemd.units.counted() : [];
    earlier?.forget();
    const record = new ContainerRecord(identity, {
      events: this.#options.events,
      admission: this.#options.admission,
      counters: sameSeries ? earlier.counters : undefined,
      lives: new RunTracker(past.lives ?? past),
    });
    if (past.isNew) record.restartsSeen = 0;
    record.systemd.units.inherit(counted);
    this.#byId.set(identity.id, record);
    this.#byName.set(identity.name, record);
    return record;
  }

  #rename(record: ContainerRecord, event: EngineEvent): void {
    const name = event.attributes.get("name");
    if (name === undefined || name === "") return;
    this.#named(record, this.#identityIn(event, { name, image: record.identity.image }));
  }

  #named(record: ContainerRecord, identity: ContainerIdentity): void {
    const { name, node, cluster } = record.identity;
    const isNamed = this.#byName.get(identity.name) === record;
    const isSame = identity.name === name && identity.node === node && identity.cluster === cluster;
    if (isSame && isNamed) return;
    if (this.#byName.get(name) === record) this.#byName.delete(name);
    const replaced = this.#byName.get(identity.name);
    if (replaced !== record && replaced?.destroyedAtNs !== undefined) replaced.forget();
    record.rename(identity);
    this.#byName.set(identity.name, record);
  }

  #destroy(record: ContainerRecord, origin: ChangeOrigin): void {
    this.#byId.delete(record.identity.id);
    if (record.destroyedAtNs !== undefined) return;
    const { timeNs } = origin;
    record.systemd.ended();
    if (record.alive) record.status = "exited";
    record.destroyedAtNs = timeNs;
    // It was seen to be alive, and not to end.
    for (let open = record.lives.close(); open > 0; open -= 1) {
      record.finishedAtNs = timeNs;
      record.lastExitCode = undefined;
      this.#changes.died(record, undefined, { timeNs, recovered: true });
    }
    this.#changes.plain(record, EventKind.ContainerDestroy, origin);
    // Another container has its name: nothing of it is kept.
    if (this.#byName.get(record.identity.name) !== record) record.forget();
  }
}
