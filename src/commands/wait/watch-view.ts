import type { Change } from "../../domain/change.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { Fleet } from "../../state/fleet.ts";
import type { Missing, View } from "./findings.ts";

/** State of the engine's watch. */
export interface EngineState {
  readonly up: boolean;
  readonly listed: boolean;
}

/** The state that the conditions are compared with, and the reasons for what is unknown. */
export class WatchView implements View {
  readonly containers: View["containers"];
  readonly host: View["host"];
  readonly isFiltered: boolean;
  /** undefined if no engine is watched. */
  readonly #engine: EngineState | undefined;
  /** When the stream was established on which the container's systemd was listed: Unix nanoseconds. */
  readonly #listedSince = new WeakMap<ContainerRecord, bigint>();
  readonly #reasonById = new Map<string, string>();
  #engineError: Error | undefined;

  constructor(
    fleet: Pick<Fleet, "containers" | "host">,
    context: { readonly engine: EngineState | undefined; readonly isFiltered: boolean },
  ) {
    this.containers = () => fleet.containers();
    this.host = () => fleet.host;
    this.#engine = context.engine;
    this.isFiltered = context.isFiltered;
  }

  /** Records that the container's state was read. */
  stateRead(record: ContainerRecord): void {
    if (record.systemd.up) this.#listedSince.set(record, record.systemd.sinceNs);
  }

  /** Records why a watch fails, until it is restored. */
  changed(change: Change): void {
    if (change.kind === "container.destroy") this.#reasonById.delete(change.identity.id);
    if (!change.kind.startsWith("monitor.")) return;
    const isBack = change.kind === "monitor.recovered";
    if (change.identity === undefined) this.#engineError = isBack ? undefined : change.error;
    else if (isBack) this.#reasonById.delete(change.identity.id);
    else this.#reasonById.set(change.identity.id, change.detail);
  }

  /** Returns true if units were listed on the current stream: after a gap or a restart they are listed again. */
  readonly isListed = (record: ContainerRecord): boolean =>
    record.systemd.up && this.#listedSince.get(record) === record.systemd.sinceNs;

  readonly reason = ({ identity }: ContainerRecord): string | undefined =>
    this.#reasonById.get(identity.id);

  /** Returns the reason why the known state may be outdated; undefined while the engine is watched. */
  engine(): Missing | undefined {
    if (this.#engine === undefined || this.#engine.up) return undefined;
    const { listed } = this.#engine;
    const error = this.#engineError;
    const what = listed
      ? "is lost"
      : error === undefined
        ? "doesn't answer yet"
        : "can't be watched";
    const text =
      error === undefined ? `the engine ${what}` : `the engine ${what}: ${error.message}`;
    return { container: "", about: "engine", text, isFinal: isForbidden(error) };
  }
}

/** Returns true for a missing permission, which a running process can't get. */
function isForbidden(error: unknown): boolean {
  for (let at = error, depth = 0; Error.isError(at) && depth < 5; at = at.cause, depth += 1) {
    if ((at as NodeJS.ErrnoException).code === "EACCES") return true;
  }
  return false;
}
