import type { ContainerChange } from "../domain/change.ts";
import type { ContainerDetails, ContainerIdentity } from "../domain/container.ts";
import { HEALTH_STATUSES } from "../domain/container.ts";
import type { EngineEvent } from "../domain/engine-event.ts";
import { EventKind } from "../domain/event.ts";
import { ContainerRecord } from "./container-record.ts";
import type { FleetEvents } from "./fleet-events.ts";
import type { UnitAdmission } from "./unit-table.ts";

/** Tells who a container is from what an event or inspect says of it. */
export type Identify = (facts: {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly label: (key: string) => string | undefined;
}) => ContainerIdentity;

export interface FleetOptions {
  readonly events: FleetEvents;
  readonly admission: UnitAdmission;
  readonly identify: Identify;
}

const MAX_EXIT_CODE = 255;
/** Stands for an exit code that the engine didn't tell, or that is none. */
const NO_EXIT_CODE = -1;

/**
 * Every container of the engine that is watched, and what is true of it. Changed by the methods
 * below alone, synchronously; each change is told to `events` after the state shows it.
 */
export class Fleet {
  readonly #byId = new Map<string, ContainerRecord>();
  readonly #byName = new Map<string, ContainerRecord>();
  readonly #options: FleetOptions;

  constructor(options: FleetOptions) {
    this.#options = options;
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
    if (record !== undefined) this.#apply(record, event);
    return record;
  }

  #apply(record: ContainerRecord, event: EngineEvent): void {
    const { timeNs } = event;
    switch (event.action) {
      case "create":
        record.status = "created";
        this.#plain(record, EventKind.ContainerCreate, timeNs);
        break;
      case "start":
        record.status = "running";
        record.startedAtNs = timeNs;
        record.oom = "none";
        record.counters.starts += 1;
        this.#plain(record, EventKind.ContainerStart, timeNs);
        break;
      case "die":
        this.#died(record, event);
        break;
      case "oom":
        // The engine may tell of a kill only after inspect did: that is the same one.
        if (record.oom !== "inferred") this.#oom(record, timeNs);
        record.oom = "event";
        break;
      case "pause":
        record.status = "paused";
        this.#plain(record, EventKind.ContainerPause, timeNs);
        break;
      case "unpause":
        record.status = "running";
        this.#plain(record, EventKind.ContainerUnpause, timeNs);
        break;
      case "rename":
        this.#rename(record, event);
        break;
      case "destroy":
        this.#destroy(record, timeNs);
        break;
      default:
        if (event.action.startsWith("health_status")) this.#health(record, event);
    }
  }

  /** Folds in what inspect says of one container; `fresh` is false where events came since. */
  details(details: ContainerDetails, fresh: boolean): ContainerRecord {
    const known = this.#byId.get(details.identity.id);
    if (known === undefined) {
      const record = this.#add(details.identity);
      record.restartsSeen = details.restartCount;
      record.oom = details.oomKilled ? "event" : "none";
      record.adopt(details);
      return record;
    }
    const { restartCount } = details;
    const before = known.restartsSeen ?? 0;
    const restarts = restartCount >= before ? restartCount - before : restartCount;
    known.restartsSeen = restartCount;
    known.runsSystemd = details.runsSystemd;
    this.#named(known, details.identity);
    if (fresh) known.adopt(details);
    known.counters.restarts += restarts;
    for (let i = 0; i < restarts; i += 1) {
      this.#plain(known, EventKind.ContainerRestart, details.startedAtNs);
    }
    if (fresh && details.oomKilled && known.oom === "none") {
      this.#oom(known, details.finishedAtNs);
      known.oom = "inferred";
    }
    return known;
  }

  /** Ids of the containers that exist as far as is known. */
  ids(): ReadonlySet<string> {
    return new Set(this.#byId.keys());
  }

  /** A complete listing no longer has the container: it was destroyed unseen. */
  vanished(id: string, nowNs: bigint): ContainerRecord | undefined {
    const record = this.#byId.get(id);
    if (record !== undefined) this.#destroy(record, nowNs);
    return record;
  }

  /** Drops what was destroyed before `beforeNs`. */
  forgetDestroyed(beforeNs: bigint): void {
    for (const [name, record] of this.#byName) {
      if (record.destroyedAtNs !== undefined && record.destroyedAtNs < beforeNs) {
        this.#byName.delete(name);
      }
    }
  }

  #recordOf(event: EngineEvent): ContainerRecord | undefined {
    const known = this.#byId.get(event.id);
    if (known !== undefined) return known;
    const name = event.attributes.get("name");
    if (event.id === "" || name === undefined || name === "") return undefined;
    if (event.action === "destroy" || event.action === "rename") return undefined;
    return this.#add(
      this.#options.identify({
        id: event.id,
        name,
        image: event.attributes.get("image") ?? "",
        label: (key) => event.attributes.get(key),
      }),
    );
  }

  #add(identity: ContainerIdentity): ContainerRecord {
    const earlier = this.#byName.get(identity.name);
    const sameSeries =
      earlier !== undefined &&
      earlier.identity.node === identity.node &&
      earlier.identity.cluster === identity.cluster;
    const record = new ContainerRecord(identity, {
      events: this.#options.events,
      admission: this.#options.admission,
      counters: sameSeries ? earlier.counters : undefined,
    });
    this.#byId.set(identity.id, record);
    this.#byName.set(identity.name, record);
    return record;
  }

  #died(record: ContainerRecord, event: EngineEvent): void {
    const exitCode = parseExitCode(event.attributes.get("exitCode"));
    record.status = "exited";
    record.health = undefined;
    record.finishedAtNs = event.timeNs;
    record.lastExitCode = exitCode;
    const { exits } = record.counters;
    exits.set(exitCode, (exits.get(exitCode) ?? 0) + 1);
    record.systemd.ended();
    this.#emit(record, {
      kind: EventKind.ContainerDie,
      timeNs: event.timeNs,
      detail: `exitCode=${exitCode}`,
      exitCode,
    });
  }

  #oom(record: ContainerRecord, timeNs: bigint): void {
    record.counters.oomEvents += 1;
    this.#plain(record, EventKind.ContainerOom, timeNs);
  }

  #health(record: ContainerRecord, event: EngineEvent): void {
    const word = event.action.slice(event.action.indexOf(":") + 1).trim();
    const health = HEALTH_STATUSES.find((status) => status === word);
    if (health === undefined || health === record.health) return;
    record.health = health;
    this.#emit(record, {
      kind: EventKind.ContainerHealth,
      timeNs: event.timeNs,
      detail: `health=${health}`,
      health,
    });
  }

  #rename(record: ContainerRecord, event: EngineEvent): void {
    const name = event.attributes.get("name");
    if (name === undefined || name === "") return;
    this.#named(
      record,
      this.#options.identify({
        id: record.identity.id,
        name,
        image: record.identity.image,
        label: (key) => event.attributes.get(key),
      }),
    );
  }

  #named(record: ContainerRecord, identity: ContainerIdentity): void {
    if (identity.name === record.identity.name) return;
    if (this.#byName.get(record.identity.name) === record) {
      this.#byName.delete(record.identity.name);
    }
    record.rename(identity);
    this.#byName.set(identity.name, record);
  }

  #destroy(record: ContainerRecord, timeNs: bigint): void {
    this.#byId.delete(record.identity.id);
    if (record.destroyedAtNs !== undefined) return;
    record.systemd.ended();
    if (record.alive) record.status = "exited";
    record.destroyedAtNs = timeNs;
    this.#plain(record, EventKind.ContainerDestroy, timeNs);
  }

  #plain(
    record: ContainerRecord,
    kind: Exclude<ContainerChange["kind"], "container.die" | "container.health">,
    timeNs: bigint,
  ): void {
    this.#emit(record, { kind, timeNs, detail: "" });
  }

  #emit(record: ContainerRecord, change: ContainerFacts): void {
    this.#options.events.changed({
      ...change,
      node: record.identity.node,
      container: record.identity.name,
      unit: "",
      identity: record.identity,
      recovered: false,
    });
  }
}

type OwnFacts<C> = C extends ContainerChange
  ? Omit<C, "identity" | "node" | "container" | "unit" | "recovered">
  : never;
type ContainerFacts = OwnFacts<ContainerChange>;

function parseExitCode(text: string | undefined): number {
  const code = Number(text ?? "");
  return text !== undefined &&
    text !== "" &&
    Number.isInteger(code) &&
    Math.abs(code) <= MAX_EXIT_CODE
    ? code
    : NO_EXIT_CODE;
}
