import { type Event, EventKind } from "../domain/event.ts";
import { parseBusctlSignal } from "../systemd/format/busctl-line.ts";
import {
  MATCH_RULE,
  SYSTEMD,
  UNIT_INTERFACE,
  unitNameFromPath,
} from "../systemd/format/objects.ts";
import { Monitor } from "./monitor.ts";

/**
 * Turns the output of `docker` with {@link systemdMonitorArgs} into an event for each signal that a
 * unit is active or failed. systemd repeats itself: two events can report one state.
 */
export class SystemdMonitor extends Monitor {
  readonly #node: string;
  readonly #container: string;

  constructor(node: string, container: string) {
    super();
    this.#node = node;
    this.#container = container;
  }

  protected override parse(line: string): Event | "malformed" | undefined {
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
 * Returns the arguments with which `docker` prints the property changes of a container's systemd, a
 * JSON object a line.
 *
 * Two limits, which the sidecar's own transports don't have: ending this `docker exec` leaves its
 * `busctl` running in the container, and systemd sends signals only while a client in the container
 * subscribes to them, as logind does.
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
    SYSTEMD,
  ];
}
