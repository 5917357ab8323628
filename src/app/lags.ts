import type { Change } from "../domain/change.ts";

const ENGINE = "";

/** How long the newest change of each watch took, from its own time to the state that showed it. */
export class Lags {
  readonly #secondsById = new Map<string, number>();

  /** @param nowNs Unix nanoseconds: when the state shows the change */
  changed(change: Change, nowNs: bigint): void {
    const { kind, identity, recovered, timeNs } = change;
    if (kind === "container.destroy" && identity !== undefined)
      this.#secondsById.delete(identity.id);
    if (recovered || identity === undefined || kind.startsWith("monitor.")) return;
    const seconds = Math.max(0, Number(nowNs - timeNs) / 1e9);
    this.#secondsById.set(kind.startsWith("container.") ? ENGINE : identity.id, seconds);
  }

  get engine(): number | undefined {
    return this.#secondsById.get(ENGINE);
  }

  /** Of the systemd in the container with this id. */
  readonly of = (id: string): number | undefined => this.#secondsById.get(id);
}
