import type { ContainerRuntime } from "../domain/runtime.ts";
import type { ContainerRecord } from "../state/containers/container-record.ts";
import type { Fleet } from "../state/fleet.ts";
import type { AppContext } from "./context.ts";

/** How long nodes are waited for until those that aren't watched are told of. */
const PATIENCE_MS = 30_000;

type StartContext = Pick<AppContext, "config" | "clock" | "log" | "sinceMs">;

export interface StartLogOptions {
  readonly fleet: Pick<Fleet, "containers">;
  readonly runtime: Pick<ContainerRuntime, "kind" | "engine" | "versions">;
}

/**
 * Says in the log how far the start has come: which engine answers, that everything is listed, and
 * that systemd is watched in each node, those included that came meanwhile.
 */
export class StartLog implements Disposable {
  readonly #context: StartContext;
  readonly #options: StartLogOptions;
  /** Ids of nodes that aren't watched yet; undefined before the listing, and when all was told. */
  #awaited: Set<string> | undefined;
  #isListed = false;
  #limit: Disposable | undefined;
  #engine = "";

  constructor(context: StartContext, options: StartLogOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** A complete listing was folded in. Once more tells of nothing but another engine. */
  listed(): void {
    this.#tellEngine();
    if (this.#isListed) return;
    this.#isListed = true;
    const { log, clock } = this.#context;
    const nodes = this.#nodes();
    const containers = [...this.#options.fleet.containers()].filter(isThere).length;
    log.info("ready", { containers, nodes: nodes.length, seconds: this.#seconds() });
    if (nodes.length === 0) return;
    const awaited = nodes.filter(({ systemd }) => !systemd.up).map(({ identity }) => identity.id);
    this.#awaited = new Set(awaited);
    this.#limit = clock.setTimeout(() => this.#tellNodes(), PATIENCE_MS);
    if (awaited.length === 0) this.#tellNodes();
  }

  /** Something of the container, or of its systemd, was read. */
  readonly seen = (record: ContainerRecord): void => {
    const { id } = record.identity;
    if (isNode(record) && !record.systemd.up) this.#awaited?.add(id);
    else if (this.#awaited?.delete(id) === true && this.#awaited.size === 0) this.#tellNodes();
  };

  [Symbol.dispose](): void {
    this.#limit?.[Symbol.dispose]();
    this.#awaited = undefined;
  }

  #tellEngine(): void {
    const { engine, versions } = this.#options.runtime;
    const told = { engine, version: versions?.engine, api: versions?.api };
    const text = JSON.stringify(told);
    if (text === this.#engine) return;
    this.#engine = text;
    this.#context.log.info("the engine answers", told);
  }

  #tellNodes(): void {
    this[Symbol.dispose]();
    const nodes = this.#nodes();
    const watched = nodes.filter(({ systemd }) => systemd.up);
    const units = watched.reduce((sum, { systemd }) => sum + unitCount(systemd.units.counts()), 0);
    const counts = {
      nodes: nodes.length,
      watched: watched.length,
      units,
      seconds: this.#seconds(),
    };
    const { log } = this.#context;
    if (watched.length === nodes.length) log.info("all nodes are watched", counts);
    else log.warn("not all nodes are watched yet", counts);
  }

  #nodes(): readonly ContainerRecord[] {
    if (this.#context.config.systemd.transport === "off") return [];
    return [...this.#options.fleet.containers()].filter(isNode);
  }

  #seconds(): number {
    const { clock, sinceMs } = this.#context;
    return Math.round(clock.monotonicMs() - sinceMs) / 1_000;
  }
}

function isThere(record: ContainerRecord): boolean {
  return record.destroyedAtNs === undefined;
}

/** True for a container whose systemd is to be watched. */
function isNode(record: ContainerRecord): boolean {
  return isThere(record) && record.alive && record.runsSystemd === true;
}

function unitCount(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((sum, count) => sum + count, 0);
}
