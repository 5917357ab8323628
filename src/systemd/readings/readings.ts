/*
 * systemd/readings: what no signal carries, queried when metrics are read.
 *
 * Readings queries the systemd of each container over the open stream of its watch, and puts the answers
 * into state; metrics/ reads them there. node-readings.ts is one systemd: which units are queried, and
 * when.
 *
 * Always true: a systemd is queried at most once in 5 s, however many clients read metrics, and not again
 * before it has answered. A query names loaded units alone, so it loads none. A systemd that doesn't answer
 * delays a client by 1 s at most, once, and its values are then absent.
 *
 * May import: domain/, platform/, state/, systemd/format/.
 */
import type { Clock } from "../../domain/clock.ts";
import type { ReadingGroup, ReadingSource } from "../../domain/readings.ts";
import { refreshRounds } from "../../platform/time/query-rounds.ts";
import type { ManagerRecord } from "../../state/containers/user-manager.ts";
import type { Fleet } from "../../state/fleet.ts";
import { NodeReadings } from "./node-readings.ts";

export interface ReadingsOptions {
  readonly fleet: Pick<Fleet, "managers">;
  /** Selection of `--systemd.collect`. */
  readonly groups: ReadonlySet<ReadingGroup>;
  /** Returns the open stream to a systemd; undefined if there is none that can be queried. */
  readonly sourceOf: (record: ManagerRecord) => ReadingSource | undefined;
  readonly clock: Clock;
}

/** Queries what no signal carries, for all containers. */
export class Readings {
  readonly #options: ReadingsOptions;
  readonly #nodes = new WeakMap<ManagerRecord, NodeReadings>();

  constructor(options: ReadingsOptions) {
    this.#options = options;
  }

  /** Reads what is older than 5 s. Resolves when it is read, or after 1 s. */
  async refresh(): Promise<void> {
    const { fleet, groups, clock } = this.#options;
    if (groups.size === 0) return;
    const nodes: NodeReadings[] = [];
    for (const record of fleet.managers()) {
      const node = this.#nodeOf(record);
      if (node === undefined) record.systemd.manager.answersQueries = false;
      else nodes.push(node);
    }
    await refreshRounds(
      nodes.map(({ rounds }) => rounds),
      clock,
    );
    for (const node of nodes) node.rate();
  }

  /** A new stream is another node: answers of the last one don't count any more. */
  #nodeOf(record: ManagerRecord): NodeReadings | undefined {
    const known = this.#nodes.get(record);
    const canAnswer = record.hasSeries && record.alive && !record.paused && record.systemd.up;
    const source = canAnswer ? this.#options.sourceOf(record) : undefined;
    if (source === undefined) {
      // A round of a paused systemd goes on: its answers come when it goes on.
      return undefined;
    }
    if (known?.source === source) return known;
    known?.end();
    const { groups, clock } = this.#options;
    const node = new NodeReadings({ record, source, groups, clock });
    this.#nodes.set(record, node);
    return node;
  }
}
