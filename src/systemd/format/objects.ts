/*
 * systemd/format: the forms in which systemd and its tools give facts, and their names.
 *
 *   objects.ts       names and paths of D-Bus objects
 *   dbus-signals.ts  signals and listings in D-Bus messages; the hot path
 *   busctl-line.ts   signals in lines of `busctl monitor`, which unit-signals.ts turns into the
 *                    types of the domain
 *   busctl-list.ts   answers of `busctl call` and `systemctl show`
 *   journal.ts       entries of journalctl, and the command that prints them
 *   manager.ts       the manager's signals and properties
 *   timestamps.ts    checks of times
 *
 * Always true: input is not trusted. A malformed piece is reported as such or left out, an
 * impossible time is replaced, and every text has a bound.
 *
 * May import: domain/, platform/data/, systemd/dbus/.
 */
import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";
import { BoundedMap } from "../../platform/data/bounded-map.ts";

/** Names in systemd's D-Bus interface. org.freedesktop.systemd1(5) */
export const SYSTEMD = "org.freedesktop.systemd1";
/** The bus itself, as its own client. */
export const BUS = "org.freedesktop.DBus";
export const MANAGER_PATH = "/org/freedesktop/systemd1";
const UNIT_PREFIX = "/org/freedesktop/systemd1/unit/";
export const MANAGER_INTERFACE = "org.freedesktop.systemd1.Manager";
export const UNIT_INTERFACE = "org.freedesktop.systemd1.Unit";
export const SERVICE_INTERFACE = "org.freedesktop.systemd1.Service";
/** Interfaces of the unit types that can fail: each has a property Result. */
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

/** Does the same as `unitNameFromPath`, from a cache: containers have the same units. */
export function knownUnitName(path: string): string | undefined {
  const known = namesByPath.get(path);
  if (known !== undefined) return known;
  const name = unitNameFromPath(path);
  // Paths of no unit have no bound in length, so they stay out of the cache.
  if (name === undefined) return undefined;
  namesByPath.set(path, name);
  return name;
}

/** Returns the path of a unit's object. https://www.freedesktop.org/software/systemd/man/sd_bus_path_encode.html */
export function unitPath(name: string): string {
  const escaped = name.replace(/^[0-9]|[^A-Za-z0-9]/g, (character) => {
    return `_${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `${UNIT_PREFIX}${escaped}`;
}

/** systemd's names are printable ASCII; other characters are in them as `\xHH`, spelled out. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * Returns the unit whose D-Bus object this is: `/org/freedesktop/systemd1/unit/munge_2eservice` is
 * `munge.service`. Undefined if it is no unit's path, or the name is invalid in systemd.
 */
export function unitNameFromPath(path: string): string | undefined {
  if (!path.startsWith(UNIT_PREFIX)) return undefined;
  const name = unescapePathElement(path.slice(UNIT_PREFIX.length));
  return name.length < MAX_UNIT_NAME_BYTES && PRINTABLE.test(name) ? name : undefined;
}

/**
 * Undoes the escaping of names in D-Bus paths: `_2e`, an underscore and two hex digits, is the byte
 * of that number, here the character of that number. An underscore without two digits stays.
 */
export function unescapePathElement(element: string): string {
  let name = "";
  let taken = 0;
  for (let at = element.indexOf("_"); at >= 0; at = element.indexOf("_", at)) {
    const high = hexDigit(element.charCodeAt(at + 1));
    const low = hexDigit(element.charCodeAt(at + 2));
    if (high === undefined || low === undefined) {
      at += 1;
    } else {
      name += element.slice(taken, at) + String.fromCharCode(high * 16 + low);
      at += 3;
      taken = at;
    }
  }
  return name + element.slice(taken);
}

function hexDigit(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : undefined;
}
