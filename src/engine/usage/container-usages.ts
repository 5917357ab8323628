/*
 * engine/usage: what containers use of their host, and what the kernel killed in them. Only where
 * `--containers.stats` is on.
 *
 * ContainerUsages queries memory, CPU and pids of each running container when metrics are read, and
 * puts the answers into state, as systemd/readings does for units. It reads the container's cgroup
 * where this host has it, else one-shot statistics of the engine's API. OomKills follows the kills
 * that a cgroup v2 counts. cgroup-files.ts finds the cgroup, cgroup-usage.ts reads its files.
 *
 * Always true: a container is queried at most once in 5 s, however many clients read metrics, and not
 * again before it has answered. One that doesn't answer delays a client by 1 s at most, and only its own
 * series are absent. No name that a container gave is followed to a file.
 *
 * May import: domain/, platform/, state/, engine/format/.
 */
import type { Clock } from "../../domain/clock.ts";
import type { ContainerUsage } from "../../domain/container-usage.ts";
import type { Logger } from "../../domain/log.ts";
import type { ContainerRuntime } from "../../domain/runtime.ts";
import { asError } from "../../platform/data/as-error.ts";
import { QueryRounds, refreshRounds } from "../../platform/time/query-rounds.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { Fleet } from "../../state/fleet.ts";
import { usageOfStats } from "../format/docker-stats.ts";
import type { HostCgroups } from "./host-cgroups.ts";
import { cgroupUsage } from "./cgroup-usage.ts";

export interface ContainerUsagesOptions {
  readonly fleet: Pick<Fleet, "containers">;
  readonly runtime: Pick<ContainerRuntime, "stats">;
  readonly files: Pick<HostCgroups, "find">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Time in which the engine answers, though no client waits for that long. */
const ANSWER_MS = 5_000;
const HOUR_MS = 3_600_000;

/** Queries what containers use. */
export class ContainerUsages {
  readonly #options: ContainerUsagesOptions;
  readonly #runs = new WeakMap<ContainerRecord, Run>();

  constructor(options: ContainerUsagesOptions) {
    this.#options = options;
  }

  /** Reads what is older than 5 s. Resolves when it is read, or after 1 s. */
  async refresh(): Promise<void> {
    const { fleet, clock } = this.#options;
    const runs: { readonly record: ContainerRecord; readonly run: Run }[] = [];
    for (const record of fleet.containers()) {
      const run = this.#runOf(record);
      if (run === undefined) record.usage = undefined;
      else runs.push({ record, run });
    }
    await refreshRounds(
      runs.map(({ run }) => run.rounds),
      clock,
    );
    for (const { record, run } of runs) {
      if (!isOf(run, record)) continue;
      const { usage, rounds } = run;
      record.usage =
        usage === undefined || !rounds.isAnswering ? undefined : { ...usage, counting: run };
    }
  }

  /** A new run begins with no answers, and with counters at 0. */
  #runOf(record: ContainerRecord): Run | undefined {
    // A container that has just started has no pid before its inspection.
    if (!record.hasSeries || !record.alive || record.pid === 0) return undefined;
    const known = this.#runs.get(record);
    if (known !== undefined && isOf(known, record)) return known;
    const { pid, startedAtNs: sinceNs } = record;
    const run: Run = {
      pid,
      sinceNs,
      usage: undefined,
      isHere: false,
      rounds: new QueryRounds({
        clock: this.#options.clock,
        read: async () => {
          run.usage = undefined;
          run.usage = await this.#read(record, run);
          run.rounds.answered();
        },
      }),
    };
    this.#runs.set(record, run);
    return run;
  }

  async #read(record: ContainerRecord, run: Run): Promise<ContainerUsage | undefined> {
    const { files, runtime, log } = this.#options;
    const { identity, pid } = record;
    const { id, name: container } = identity;
    const cgroup = await files.find({ id, pid });
    const usage = cgroup && (await cgroupUsage(cgroup));
    run.isHere ||= usage !== undefined;
    // One whose cgroup is gone has ended, though the engine hasn't reported that yet.
    if (run.isHere || !record.alive) return usage;
    if (runtime.stats === undefined) {
      log.limited("container-usage-command", HOUR_MS).warn("container usage unavailable", {
        container,
        reason: "its cgroup isn't visible here, and there is no API of an engine",
      });
      return undefined;
    }
    try {
      const document = await runtime.stats(id, AbortSignal.timeout(ANSWER_MS));
      return usageOfStats(document, record.conditions.memoryLimitBytes);
    } catch (error) {
      if (record.alive) {
        log.limited("container-usage").warn("container usage unavailable", {
          container,
          err: asError(error),
        });
      }
      throw error;
    }
  }
}

/** One run of a container: what its counters count in. */
interface Run {
  readonly pid: number;
  /** Its start: Unix nanoseconds. */
  readonly sinceNs: bigint;
  readonly rounds: QueryRounds;
  usage: ContainerUsage | undefined;
  /** True once its cgroup was found on this host. */
  isHere: boolean;
}

function isOf({ pid, sinceNs }: Run, record: ContainerRecord): boolean {
  return pid === record.pid && sinceNs === record.startedAtNs;
}
