import { type Event, EventKind } from "../../domain/event.ts";
import { parseBusctlSignal } from "../format/busctl-line.ts";
import { type ByteInput, lineEvents, type RunOptions } from "../../platform/process/line-events.ts";
import { unitNameFromPath } from "../format/unit-path.ts";
import { UNIT_INTERFACE } from "../format/systemd-objects.ts";

/** What to listen to: each change of a property of systemd and its units. */
export const MATCH_RULE =
  "type=signal,interface=org.freedesktop.DBus.Properties,member=PropertiesChanged," +
  "path_namespace=/org/freedesktop/systemd1";

/** Turns what `busctl monitor` says inside one container into events of its units. */
export class SystemdMonitor {
  readonly #node: string;
  readonly #container: string;
  #parseErrors = 0;

  constructor(node: string, container: string) {
    this.#node = node;
    this.#container = container;
  }

  /** Lines so far that were malformed, not UTF-8, or longer than 1 MiB. */
  get parseErrors(): number {
    return this.#parseErrors;
  }

  /**
   * An event for each signal that says that a unit is active, or failed, in the output of `docker`
   * with {@link systemdMonitorArgs}. systemd repeats itself: the same state can be told twice.
   *
   * It ends when the stream or the signal does; when the stream fails, it throws that error. Only
   * the signal ends it while the stream has nothing to give.
   */
  run(stream: ByteInput, options: RunOptions = {}): AsyncGenerator<Event, void, undefined> {
    return lineEvents(stream, {
      signal: options.signal,
      parse: (line) => this.#parse(line),
      onBadLine: () => {
        this.#parseErrors += 1;
      },
    });
  }

  #parse(line: string): Event | "malformed" | undefined {
    const signal = parseBusctlSignal(line);
    if (signal === undefined || signal === "malformed") return signal;
    if (signal.interfaceName !== UNIT_INTERFACE) return undefined;
    const activeState = signal.property("ActiveState", "s");
    if (activeState !== "active" && activeState !== "failed") return undefined;
    const unit = unitNameFromPath(signal.path);
    if (unit === undefined) return "malformed";
    return {
      kind: activeState === "active" ? EventKind.UnitActive : EventKind.UnitFailed,
      node: this.#node,
      container: this.#container,
      unit,
      timeNs: signal.timeNs,
      detail: `ActiveState=${activeState}`,
    };
  }
}

/**
 * Arguments of `docker` that make it tell the property changes of a container's systemd, a JSON
 * object a line.
 *
 * Two limits come with it, which the sidecar's own way in doesn't have: ending this `docker exec`
 * leaves its `busctl` running in the container, and systemd sends signals only while somebody in
 * the container subscribes to them, as logind does.
 */
export function systemdMonitorArgs(container: string): string[] {
  return [
    "exec",
    container,
    "busctl",
    "monitor",
    "--watch-bind=yes",
    "--json=short",
    "--match",
    MATCH_RULE,
    "org.freedesktop.systemd1",
  ];
}
