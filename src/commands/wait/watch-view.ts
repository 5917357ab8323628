import type { Change } from "../../domain/change.ts";
import type { ContainerRecord } from "../../state/containers/container-record.ts";
import type { Fleet } from "../../state/fleet.ts";
import type { Missing, View } from "./findings.ts";

/** What the engine's watch tells of itself. */
export interface EngineState {
  readonly up: boolean;
  readonly listed: boolean;
}

/** What is known while it is watched, and why what isn't known isn't. */
export class WatchView implements View {
  readonly containers: View["containers"];
  readonly isFiltered: boolean;
  readonly #engine: EngineState;
  /** Since when the stream stands on which its systemd was listed: Unix nanoseconds. */
  readonly #listedSince = new WeakMap<ContainerRecord, bigint>();
  readonly #reasonById = new Map<string, string>();
  #engineError: Error | undefined;

  constructor(
    fleet: Pick<Fleet, "containers">,
    context: { readonly engine: EngineState; readonly isFiltered: boolean },
  ) {
    this.containers = () => fleet.containers();
    this.#engine = context.engine;
    this.isFiltered = context.isFiltered;
  }

  /** What was so already was folded into the container's state. */
  stateRead(record: ContainerRecord): void {
    if (record.systemd.up) this.#listedSince.set(record, record.systemd.sinceNs);
  }

  changed(change: Change): void {
    if (change.kind === "container.destroy") this.#reasonById.delete(change.identity.id);
    if (!change.kind.startsWith("monitor.")) return;
    const isBack = change.kind === "monitor.recovered";
    if (change.identity === undefined) this.#engineError = isBack ? undefined : change.error;
    else if (isBack) this.#reasonById.delete(change.identity.id);
    else this.#reasonById.set(change.identity.id, change.detail);
  }

  /** A stream that has a gap, or a container's next life, is listed anew. */
  readonly isListed = (record: ContainerRecord): boolean =>
    record.systemd.up && this.#listedSince.get(record) === record.systemd.sinceNs;

  readonly reason = ({ identity }: ContainerRecord): string | undefined =>
    this.#reasonById.get(identity.id);

  /** Why nothing that is known can be relied on; undefined where it can. */
  engine(): Missing | undefined {
    const { up, listed } = this.#engine;
    if (up) return undefined;
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

/** Nobody gets into a group while running. */
function isForbidden(error: unknown): boolean {
  for (let at = error, depth = 0; Error.isError(at) && depth < 5; at = at.cause, depth += 1) {
    if ((at as NodeJS.ErrnoException).code === "EACCES") return true;
  }
  return false;
}
