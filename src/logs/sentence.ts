import type { Change, UnitChange } from "../domain/change.ts";
import { exitCodeText, processEnd } from "../domain/exit-status.ts";

/** Returns an English sentence about a change, without its full stop. */
export function sentenceOf(change: Change): string {
  return change.recovered ? `${what(change)} (found later)` : what(change);
}

function what(change: Change): string {
  const container = `Container ${change.container}`;
  switch (change.kind) {
    case "container.create":
      return `${container} was created`;
    case "container.start":
      return `${container} started`;
    case "container.stop":
      return `The engine was requested to stop container ${change.container}`;
    case "container.die":
      return change.exitCode === undefined
        ? `${container} exited, with a code that isn't known`
        : `${container} exited with code ${exitCodeText(change.exitCode, change.runsSystemd)}`;
    case "container.oom":
      return `${container} ran out of memory, and a process was killed`;
    case "container.pause":
      return `${container} was paused`;
    case "container.unpause":
      return `${container} was unpaused`;
    case "container.destroy":
      return `${container} was removed`;
    case "container.restart":
      return `${container} was restarted by its restart policy`;
    case "container.health":
      return `${container} is ${change.health}`;
    case "unit.failed":
      return `${unit(change)} failed${because(change)}`;
    case "unit.restart":
      return `${unit(change)} was restarted by systemd${times(change)}`;
    case "unit.removed":
      return `${unit(change)} is gone from systemd`;
    case "unit.active":
    case "unit.inactive":
    case "unit.activating":
    case "unit.deactivating":
    case "unit.reloading":
      return `${unit(change)} is ${change.activeState ?? change.kind.slice("unit.".length)}`;
    case "system.state":
      return `systemd ${whose(change)}${where(change)} is ${change.systemState}`;
    case "system.soft_reboot":
      return `systemd ${where(change)} rebooted its userspace`;
    case "monitor.lost":
    case "monitor.recovered":
    case "monitor.error":
      if (change.identity === undefined) return `Watching the engine: ${change.detail}`;
      return `Watching ${watched(change)}: ${change.detail}`;
    default:
      return change satisfies never;
  }
}

function unit(change: UnitChange): string {
  return `Unit ${change.unit} ${whose(change)}${where(change)}`;
}

/** Returns the user of a user manager, with a space after it; "" for the system's. */
function whose({ identity }: Change): string {
  return identity?.user === undefined ? "" : `of user ${identity.user} `;
}

function watched(change: Change): string {
  const { identity, container, node } = change;
  if (identity?.user !== undefined) return `user ${identity.user} ${where(change)}`;
  return container || `the host ${node}`;
}

function where({ container, node }: Change): string {
  return container === "" ? `on the host ${node}` : `in ${container}`;
}

function because(change: UnitChange): string {
  if (change.result === undefined) return "";
  const end = processEnd(change.result, change.exitCode);
  if (end === undefined) return `: ${change.result}`;
  return `: ${change.result}, ${end.isSignal ? end.text : `exit status ${end.text}`}`;
}

function times(change: UnitChange): string {
  return change.restarts === undefined ? "" : `, restart number ${change.restarts}`;
}
