import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../domain/clock.ts";
import type { Logger } from "../../domain/log.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { Fleet } from "../../state/fleet.ts";
import type { HostCgroups } from "./host-cgroups.ts";
import { MEMORY_EVENTS, oomKillsIn } from "./cgroup-usage.ts";

export interface OomKillsOptions {
  readonly fleet: Pick<Fleet, "oomKills">;
  readonly files: Pick<HostCgroups, "find">;
  readonly clock: Pick<Clock, "nowNs">;
  readonly log: Logger;
  /** Default: inotify. */
  readonly watchFile?: typeof watch;
}

/**
 * Follows the kills for lack of memory that the kernel counts in each container with a cgroup v2 of
 * this host: the kernel notifies of each change of the file. Disposing ends that.
 */
export class OomKills implements Disposable {
  readonly #options: OomKillsOptions;
  readonly #runs = new Map<ContainerRecord, FollowedRun>();

  constructor(options: OomKillsOptions) {
    this.#options = options;
  }

  /** Follows a container that runs, and no other. Call it with each fact about a container. */
  sync(record: ContainerRecord): void {
    const known = this.#runs.get(record);
    const runs = record.alive && record.pid > 0;
    if (runs && known?.pid === record.pid) return;
    known?.[Symbol.dispose]();
    if (runs) this.#runs.set(record, new FollowedRun(record, this.#options));
    else this.#runs.delete(record);
  }

  [Symbol.dispose](): void {
    for (const run of this.#runs.values()) run[Symbol.dispose]();
    this.#runs.clear();
  }
}

/** The kills in one run of a container. */
class FollowedRun implements Disposable {
  readonly pid: number;
  readonly #record: ContainerRecord;
  readonly #options: OomKillsOptions;
  #watcher: FSWatcher | undefined;
  #hasEnded = false;
  /** `again`: the file changed while it was read. */
  #reading: "no" | "once" | "again" = "no";

  constructor(record: ContainerRecord, options: OomKillsOptions) {
    this.pid = record.pid;
    this.#record = record;
    this.#options = options;
    void this.#open();
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    this.#watcher?.close();
  }

  async #open(): Promise<void> {
    const { id, name } = this.#record.identity;
    const { log, watchFile = watch } = this.#options;
    const cgroup = await this.#options.files.find({ id, pid: this.pid });
    const folder = cgroup?.byController.has("memory") === true ? undefined : cgroup?.unified;
    if (folder === undefined || this.#hasEnded) return;
    try {
      this.#watcher = watchFile(join(folder, MEMORY_EVENTS), { persistent: false }, () => {
        void this.#changed(folder);
      });
      // The cgroup is removed with its container.
      this.#watcher.on("error", () => this[Symbol.dispose]());
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Without the controller there is no such file.
      if (code === "ENOENT") return;
      const fields = { container: name, detail: message };
      log
        .limited("oom-kills")
        .warn("kernel's OOM kills not followed, the engine's events count", fields);
      return;
    }
    await this.#changed(folder);
  }

  async #changed(folder: string): Promise<void> {
    if (this.#reading !== "no") {
      this.#reading = "again";
      return;
    }
    do {
      this.#reading = "once";
      const counts = await oomKillsIn(folder);
      if (counts !== undefined && !this.#hasEnded) {
        this.#options.fleet.oomKills(this.#record, counts, this.#options.clock.nowNs());
      }
    } while (this.#isDue() && !this.#hasEnded);
    this.#reading = "no";
  }

  #isDue(): boolean {
    return this.#reading === "again";
  }
}
