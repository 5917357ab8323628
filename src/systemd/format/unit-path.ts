import { MAX_UNIT_NAME_BYTES } from "../../domain/unit.ts";

const PREFIX = "/org/freedesktop/systemd1/unit/";
/** systemd's names are printable ASCII; other characters are in them as `\xHH`, spelled out. */
const PRINTABLE = /^[\x21-\x7e]+$/;

/**
 * The unit whose D-Bus object this is: `/org/freedesktop/systemd1/unit/munge_2eservice` is
 * `munge.service`. Undefined where it is no unit's path, or the name is none that systemd can have.
 */
export function unitNameFromPath(path: string): string | undefined {
  if (!path.startsWith(PREFIX)) return undefined;
  const name = unescapePathElement(path.slice(PREFIX.length));
  return name.length < MAX_UNIT_NAME_BYTES && PRINTABLE.test(name) ? name : undefined;
}

/**
 * Undoes the escaping of names in D-Bus paths: `_2e`, an underscore and two hex digits, is the byte
 * of that number, here the character of that number. An underscore without them stays.
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
