/*
 * state: the present facts and the counters of every container and its systemd.
 *
 * Sources (engine/, systemd/) call the Fleet and its SystemdStates; consumers (metrics/, page/,
 * commands/) read records on request. Rules are folds: containers/ for the engine's events and
 * snapshots, units/ for systemd's messages. event-bus.ts connects the parts, subscription.ts is the
 * bounded queue of one subscriber, stream-health.ts turns a stream's ups and downs into monitor
 * changes.
 *
 * Always true: calls are synchronous, no input is dropped, and the state shows a change before it is
 * emitted. Applying an input twice counts once.
 *
 * May import: domain/, platform/data/.
 */
import type {
  ContainerDetails,
  ContainerIdentity,
  ContainerStatus,
  ContainerSummary,
} from "../domain/container.ts";
import type { OomKillCounts } from "../domain/container-usage.ts";
import type { EngineEvent } from "../domain/engine-event.ts";
import { EventKind } from "../domain/event.ts";
import type { ContainerResume, RunsResume } from "../domain/resume.ts";
import { ContainerChanges } from "./containers/container-changes.ts";
import type { ContainerOutcome, Occurrence } from "./containers/container-outcome.ts";
import { foldEvent, foldKills } from "./containers/fold-event.ts";
import { RunTracker } from "./containers/run-tracker.ts";
import { ContainerRecord } from "./containers/container-record.ts";
import {
  foldDetails,
  foldFinalDetails,
  foldSummary,
  withKnownTimes,
} from "./containers/fold-snapshot.ts";
import type { FleetEvents } from "../domain/fleet-events.ts";
import type { ManagerRecord } from "./containers/user-manager.ts";
import type { UnitAdmission } from "./units/unit-admission.ts";

export interface FleetOptions {
  readonly events: FleetEvents;
  readonly admission: UnitAdmission;
  /** Returns the identity that an event or an inspection of the container shows. */
  readonly identify: (facts: {
    readonly id: string;
    readonly name: string;
    readonly image: string;
    readonly label: (key: string) => string | undefined;
  }) => ContainerIdentity;
  /** False if systemd is watched in no container. Default: true. */
  readonly watchesContainers?: boolean;
}

export interface SummaryContext {
  /** False if events came since the engine was queried. */
  readonly fresh: boolean;
  /** True if every event before the list was applied. */
  readonly exact: boolean;
  readonly nowNs: bigint;
}

/** Every container of the engine that is watched, and the host if its systemd is. */
export class Fleet {
  readonly #byId = new Map<string, ContainerRecord>();
  readonly #byName = new Map<string, ContainerRecord>();
  readonly #options: FleetOptions;
  readonly #changes: ContainerChanges;
  #host: ContainerRecord | undefined;
  /** State of the host that an earlier process stored. */
  #hostResume: ContainerResume | undefined;
  /** True once every container is known that existed when the watch began. */
  #isComplete = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#changes = new ContainerChanges(options.events, options.admission.series.nowNs);
  }

  /** Recovered changes so far. */
  get recovered(): number {
    return this.#changes.recovered;
  }

  /** Every container, destroyed ones in retention too, one per name. */
  containers(): Iterable<ContainerRecord> {
    return this.#byName.values();
  }

  /** The host as a node; undefined if its systemd isn't watched. */
  get host(): ContainerRecord | undefined {
    return this.#host;
  }

  /** Every one whose systemd is watched, should it run one: the host, then the containers. */
  *nodes(): Generator<ContainerRecord, void, void> {
    if (this.#host !== undefined) yield this.#host;
    if (this.#options.watchesContainers !== false) yield* this.containers();
  }

  /** Every systemd of these: the system's, then those of its users. */
  *managers(): Generator<ManagerRecord, void, void> {
    for (const record of this.nodes()) {
      yield record;
      yield* record.users.values();
    }
  }

  /** Returns the container, or the host, with this id. */
  get(id: string): ContainerRecord | undefined {
    return this.#host?.identity.id === id ? this.#host : this.#byId.get(id);
  }

  /** Adds the host, as an earlier process left it. It runs, and is no container. */
  addHost(identity: ContainerIdentity): ContainerRecord {
    const record = new ContainerRecord(identity, {
      events: this.#options.events,
      admission: this.#options.admission,
      counters: undefined,
      runs: new RunTracker({ isNew: true }),
    });
    if (this.#hostResume?.identity.id === identity.id) record.restore(this.#hostResume);
    record.status = "running";
    record.runsSystemd = true;
    record.hasHealthCheck = false;
    this.#host = record;
    return record;
  }

  /**
   * Folds in one event of the engine; one of an unknown container adds it. Returns the container;
   * undefined if the event names none.
   */
  engineEvent(event: EngineEvent): ContainerRecord | undefined {
    const record = this.#recordOf(event);
    if (record === undefined) return undefined;
    if (event.action === "rename") this.#rename(record, event);
    else if (event.action === "destroy" || event.action === "forget") {
      const isRemoved = event.action === "destroy";
      this.#destroy(record, { timeNs: event.timeNs, recovered: false }, isRemoved);
    } else this.#changes.emit(record, foldEvent(record, event));
    return record;
  }

  /** Folds in how many processes the kernel has killed in the container's present run. */
  oomKills(record: ContainerRecord, counts: OomKillCounts, timeNs: bigint): void {
    this.#changes.emit(record, foldKills(record, counts, timeNs));
  }

  /**
   * Folds in an inspection while events before it may still come. What is known already is no
   * change.
   *
   * @param fresh false if events came since inspect was called
   */
  details(inspected: ContainerDetails, fresh: boolean): ContainerRecord {
    const known = this.#byId.get(inspected.identity.id);
    const details = withKnownTimes(inspected, known);
    if (known === undefined) {
      const record = this.#add(details.identity, { isNew: false });
      record.oom = details.oomKilled ? "event" : "none";
      this.#changes.emit(record, foldDetails(record, details, true));
      return record;
    }
    if (fresh) this.#named(known, details.identity);
    this.#changes.emit(known, foldDetails(known, details, fresh));
    return known;
  }

  /**
   * Folds in an inspection after every event before it was applied. Whatever else it shows was
   * missed: it counts, and is recovered.
   */
  reconcile(inspected: ContainerDetails, nowNs: bigint): ContainerRecord {
    let record = this.#byId.get(inspected.identity.id);
    const details = withKnownTimes(inspected, record);
    if (record === undefined) {
      if (!this.#isComplete) return this.details(details, true);
      record = this.#add(details.identity, { isNew: true });
      // Without an engine it isn't known that it is new.
      if (details.createdAtNs > 0n) this.#created(record, details.createdAtNs);
    }
    this.#named(record, details.identity);
    this.#changes.emit(record, foldFinalDetails(record, details, nowNs));
    return record;
  }

  /**
   * Folds in the list's entry of a container that can't be inspected. Returns the container;
   * undefined if the entry is older than an event.
   */
  listed(summary: ContainerSummary, context: SummaryContext): ContainerRecord | undefined {
    const { identity, status } = summary;
    const { fresh, exact, nowNs } = context;
    const known = this.#byId.get(identity.id);
    if (known !== undefined) {
      if (!fresh) return undefined;
      this.#named(known, identity);
      this.#changes.emit(known, foldSummary(known, summary, { exact, nowNs }));
      return known;
    }
    const record = this.#add(identity, { isNew: this.#isComplete });
    record.status = status;
    if (this.#isComplete) this.#created(record, nowNs);
    else if (exact) record.runs.beginListed(status, nowNs);
    return record;
  }

  /** Ends the first listing: a container that turns up later was created since. */
  complete(): void {
    this.#isComplete = true;
  }

  /**
   * Restores the containers that an earlier process stored.
   *
   * @param isListed false if it had listed no container, but watched the host
   */
  restore(containers: readonly ContainerResume[], isListed = true): void {
    for (const resume of containers) {
      if (resume.identity.isHost === true) this.#hostResume = resume;
      else this.#add(resume.identity, { isNew: true, runs: resume.lives }).restore(resume);
    }
    this.#isComplete = isListed;
  }

  /** Number of containers that exist. */
  get size(): number {
    return this.#byId.size;
  }

  /** Ids of the containers that exist. */
  ids(): ReadonlySet<string> {
    return new Set(this.#byId.keys());
  }

  /**
   * Destroys a container that a complete listing lacks; returns it.
   *
   * @param isRemoved false if it may still exist, but doesn't run
   */
  vanished(id: string, nowNs: bigint, isRemoved = true): ContainerRecord | undefined {
    const record = this.#byId.get(id);
    if (record !== undefined) this.#destroy(record, { timeNs: nowNs, recovered: true }, isRemoved);
    return record;
  }

  /** Forgets containers and units that were removed before `beforeNs`. */
  forgetDestroyed(beforeNs: bigint): void {
    this.#host?.systemd.units.forgetRemoved(beforeNs);
    this.#host?.users.forgetEnded(beforeNs);
    for (const [name, record] of this.#byName) {
      if (record.destroyedAtNs !== undefined && record.destroyedAtNs < beforeNs) {
        this.#byName.delete(name);
        record.forget();
      } else {
        record.systemd.units.forgetRemoved(beforeNs);
        record.users.forgetEnded(beforeNs);
        if ((record.formerName?.untilNs ?? beforeNs) < beforeNs) record.formerName = undefined;
      }
    }
  }

  #recordOf(event: EngineEvent): ContainerRecord | undefined {
    const known = this.#byId.get(event.id);
    if (known !== undefined) return known;
    const name = event.attributes.get("name");
    if (event.id === "" || name === undefined || name === "") return undefined;
    const { action } = event;
    if (action === "destroy" || action === "forget" || action === "rename") return undefined;
    const identity = this.#identityIn(event, { name, image: event.attributes.get("image") ?? "" });
    const isCreated = event.action === "create";
    // Without an engine nothing reports a creation.
    const mayBeNew = isCreated || identity.unknown !== undefined;
    const former = mayBeNew ? this.#formerOf(identity) : undefined;
    return this.#add(identity, { isNew: this.#isComplete || isCreated, former });
  }

  /** Returns the container that has just left this name, and took its counters along. */
  #formerOf(identity: ContainerIdentity): ContainerRecord | undefined {
    const { name } = identity;
    if (this.#byName.has(name)) return undefined;
    for (const record of this.#byName.values()) {
      const { formerName: former, counters } = record;
      if (former?.identity.name !== name || former.counters !== counters) continue;
      if (hasLabelsOf(former.identity, identity)) return record;
    }
    return undefined;
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
    past: {
      readonly isNew: boolean;
      readonly runs?: RunsResume;
      /** Container that had the name, and has another one now. */
      readonly former?: ContainerRecord | undefined;
    },
  ): ContainerRecord {
    const { former } = past;
    const earlier = this.#byName.get(identity.name) ?? former;
    const hasLabels = earlier === former || hasLabelsOf(earlier?.identity, identity);
    const continued = hasLabels ? earlier : undefined;
    const counted = continued?.systemd.units.counted() ?? [];
    const countedUsers = continued?.users.counted() ?? [];
    if (earlier !== former) earlier?.forget();
    const record = new ContainerRecord(identity, {
      events: this.#options.events,
      admission: this.#options.admission,
      counters: continued?.counters,
      runs: new RunTracker(past.runs ?? past),
    });
    if (past.isNew) record.restartsSeen = 0;
    record.earlierExit = continued?.lastExit;
    record.systemd.reconnects = continued?.systemd.reconnects ?? 0;
    record.systemd.units.inherit(counted);
    record.users.inherit(countedUsers);
    former?.renewCounters();
    this.#byId.set(identity.id, record);
    this.#byName.set(identity.name, record);
    return record;
  }

  #rename(record: ContainerRecord, event: EngineEvent): void {
    const name = event.attributes.get("name");
    if (name === undefined || name === "") return;
    const { identity, counters } = record;
    this.#named(record, this.#identityIn(event, { name, image: identity.image }));
    record.formerName = { identity, counters, untilNs: event.timeNs };
  }

  #named(record: ContainerRecord, identity: ContainerIdentity): void {
    const { name } = record.identity;
    const isNamed = this.#byName.get(identity.name) === record;
    const isSame = identity.name === name && hasLabelsOf(identity, record.identity);
    if (isSame && isNamed) return;
    if (this.#byName.get(name) === record) this.#byName.delete(name);
    const replaced = this.#byName.get(identity.name);
    const isFree = replaced !== record && replaced?.destroyedAtNs !== undefined;
    const removed = isFree ? replaced : undefined;
    const continues = removed !== undefined && hasLabelsOf(removed.identity, identity);
    record.rename(identity, continues ? removed : undefined);
    removed?.forget();
    this.#byName.set(identity.name, record);
  }

  /** Emits a creation that was missed. */
  #created(record: ContainerRecord, timeNs: bigint): void {
    this.#changes.emit(record, [{ kind: EventKind.ContainerCreate, timeNs, recovered: true }]);
  }

  /** @param isRemoved false if it has only ended, as far as is known: no change is emitted then */
  #destroy(record: ContainerRecord, when: Occurrence, isRemoved: boolean): void {
    this.#byId.delete(record.identity.id);
    if (record.destroyedAtNs !== undefined) return;
    const { timeNs } = when;
    const wasAlive = record.alive;
    record.systemdEnded();
    if (hasEndedBy(record.status)) record.status = "exited";
    const hadEnded = !wasAlive && record.finishedAtNs > 0n;
    record.destroyedAtNs = !isRemoved && hadEnded ? record.finishedAtNs : timeNs;
    const outcomes: ContainerOutcome[] = [];
    // A start without an end was seen: the end was missed.
    for (let open = record.runs.close(); open > 0; open -= 1) {
      record.finishedAtNs = timeNs;
      record.lastExitCode = undefined;
      const exitCode = undefined;
      outcomes.push({ kind: EventKind.ContainerDie, timeNs, recovered: true, exitCode });
    }
    if (isRemoved) outcomes.push({ kind: EventKind.ContainerDestroy, ...when });
    this.#changes.emit(record, outcomes);
    // Another container has its name already: its series aren't kept.
    if (this.#byName.get(record.identity.name) !== record) record.forget();
  }
}

/** Returns true for the statuses that a removed container can't have any more. */
function hasEndedBy(status: ContainerStatus): boolean {
  return status !== "created" && status !== "dead";
}

/** Returns true if series of the two have the same labels, given the same name. */
function hasLabelsOf(one: ContainerIdentity | undefined, other: ContainerIdentity): boolean {
  return one?.node === other.node && one.cluster === other.cluster;
}
