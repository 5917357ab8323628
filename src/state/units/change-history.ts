import type { Change } from "../../domain/change.ts";
import { HISTORY_NS } from "../../domain/recent.ts";
import { unitPath } from "../../domain/user-unit.ts";
import { ChangeTrack, pastChange } from "./change-track.ts";
import type { PastChange } from "./change-track.ts";

/** Bounds of all containers together. */
export const MAX_TRACKS = 4_000;
const MAX_CHANGES = 32_768;
/** Span before and after a moment that is around it. */
const AROUND_NS = 30_000_000_000n;
const MAX_AROUND = 50;

/** Changes within an hour. */
export interface History {
  /** From when on all is known: Unix nanoseconds. */
  readonly sinceNs: bigint;
  /** The oldest first. */
  readonly changes: readonly PastChange[];
}

interface ContainerTracks {
  /** Its own changes, and the failures and restarts of its units. */
  readonly node: ChangeTrack;
  readonly units: Map<string, ChangeTrack>;
}

/**
 * The last hour of each container and each unit that changed. Past its bounds it evicts the tracks
 * that changed longest ago: then the history of these begins later.
 */
export class ChangeHistory {
  /** Those that changed longest ago come first, among containers and among the units of one. */
  readonly #containers = new Map<string, ContainerTracks>();
  readonly #nowNs: () => bigint;
  #knownFromNs: bigint;
  #tracks = 0;
  #changes = 0;

  constructor(nowNs: () => bigint) {
    this.#nowNs = nowNs;
    this.#knownFromNs = nowNs();
  }

  add(change: Change): void {
    const { identity, kind } = change;
    if (identity === undefined) return;
    const { user } = identity;
    // Of a user manager itself its unit shows what matters.
    if (user !== undefined && change.unit === "") return;
    const unit = unitPath(user, change.unit);
    if (kind === "container.destroy") {
      this.#forget(identity.id);
      return;
    }
    const past = { ...pastChange(change), unit };
    const tracks = this.#tracksOf(identity.id);
    const isOfNode = unit === "" || kind === "unit.failed" || kind === "unit.restart";
    if (isOfNode) this.#addTo(tracks.node, past);
    if (unit !== "") {
      const track = tracks.units.get(unit) ?? this.#newTrack();
      tracks.units.delete(unit);
      tracks.units.set(unit, track);
      this.#addTo(track, past);
    }
    while (this.#tracks > MAX_TRACKS || this.#changes > MAX_CHANGES) this.#evict();
  }

  /** Returns the history of a container itself, with the failures and restarts of its units. */
  ofNode(container: string): History {
    return this.#historyOf(this.#containers.get(container)?.node);
  }

  ofUnit(container: string, unit: string): History {
    return this.#historyOf(this.#containers.get(container)?.units.get(unit));
  }

  /** Returns what else changed in the container in the minute around a moment, the oldest first. */
  around(container: string, unit: string, timeNs: bigint): readonly PastChange[] {
    const tracks = this.#containers.get(container);
    if (tracks === undefined) return [];
    const nowNs = this.#nowNs();
    const isAround = ({ firstNs, lastNs }: PastChange): boolean =>
      firstNs <= timeNs + AROUND_NS && lastNs >= timeNs - AROUND_NS;
    const found = tracks.node.within(nowNs).filter((past) => past.unit === "" && isAround(past));
    for (const [name, track] of tracks.units) {
      if (name !== unit) found.push(...track.within(nowNs).filter(isAround));
    }
    const distance = ({ firstNs }: PastChange): bigint =>
      firstNs > timeNs ? firstNs - timeNs : timeNs - firstNs;
    return found
      .toSorted((a, b) => Number(distance(a) - distance(b)))
      .slice(0, MAX_AROUND)
      .toSorted((a, b) => Number(a.firstNs - b.firstNs));
  }

  #historyOf(track: ChangeTrack | undefined): History {
    const nowNs = this.#nowNs();
    const startNs = nowNs - HISTORY_NS;
    const knownNs = track?.sinceNs ?? this.#knownFromNs;
    return {
      sinceNs: knownNs > startNs ? knownNs : startNs,
      changes: track?.within(nowNs) ?? [],
    };
  }

  #tracksOf(id: string): ContainerTracks {
    const known = this.#containers.get(id);
    const tracks = known ?? { node: this.#newTrack(), units: new Map() };
    this.#containers.delete(id);
    this.#containers.set(id, tracks);
    return tracks;
  }

  #newTrack(): ChangeTrack {
    this.#tracks += 1;
    return new ChangeTrack(this.#knownFromNs);
  }

  #addTo(track: ChangeTrack, past: PastChange): void {
    const before = track.size;
    track.add(past, this.#nowNs());
    this.#changes += track.size - before;
  }

  #evict(): void {
    for (const [id, { node, units }] of this.#containers) {
      for (const [name, track] of units) {
        units.delete(name);
        this.#dropped(track);
        return;
      }
      this.#containers.delete(id);
      this.#dropped(node);
      return;
    }
  }

  #forget(id: string): void {
    const tracks = this.#containers.get(id);
    if (tracks === undefined) return;
    for (const track of [tracks.node, ...tracks.units.values()]) this.#remove(track);
    this.#containers.delete(id);
  }

  #dropped(track: ChangeTrack): void {
    if (track.lastNs > this.#knownFromNs) this.#knownFromNs = track.lastNs;
    this.#remove(track);
  }

  #remove(track: ChangeTrack): void {
    this.#tracks -= 1;
    this.#changes -= track.size;
  }
}
