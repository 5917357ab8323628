import { unitNameFromPath } from "./unit-path.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";

/** Names of systemd's D-Bus interface. org.freedesktop.systemd1(5) */
export const SYSTEMD = "org.freedesktop.systemd1";
export const MANAGER_PATH = "/org/freedesktop/systemd1";
export const MANAGER_INTERFACE = "org.freedesktop.systemd1.Manager";
export const UNIT_INTERFACE = "org.freedesktop.systemd1.Unit";
export const SERVICE_INTERFACE = "org.freedesktop.systemd1.Service";
/** Those of the unit types that can fail: each has a property Result. */
export const TYPE_INTERFACES: ReadonlySet<string> = new Set([
  SERVICE_INTERFACE,
  ...["Automount", "Mount", "Path", "Scope", "Socket", "Swap", "Timer"].map(
    (type) => `org.freedesktop.systemd1.${type}`,
  ),
]);
export const PROPERTIES_INTERFACE = "org.freedesktop.DBus.Properties";

/** Match rule for each change of a property of systemd and its units. */
export const MATCH_RULE =
  `type=signal,interface=${PROPERTIES_INTERFACE},member=PropertiesChanged,` +
  `path_namespace=${MANAGER_PATH}`;

const MAX_KNOWN_PATHS = 20_000;
const namesByPath = new BoundedMap<string, string>(MAX_KNOWN_PATHS);

/** As `unitNameFromPath`, which it remembers: containers have the same units. */
export function knownUnitName(path: string): string | undefined {
  const known = namesByPath.get(path);
  if (known !== undefined) return known;
  const name = unitNameFromPath(path);
  // What is none has no bound.
  if (name === undefined) return undefined;
  namesByPath.set(path, name);
  return name;
}

/** Path of a unit's object. https://www.freedesktop.org/software/systemd/man/sd_bus_path_encode.html */
export function unitPath(name: string): string {
  const escaped = name.replace(/^[0-9]|[^A-Za-z0-9]/g, (character) => {
    return `_${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `${MANAGER_PATH}/unit/${escaped}`;
}
