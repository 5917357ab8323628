import { maxNameBytes } from "./limits.ts";

/*
 * "Valid Object Paths" and "Valid Names" of the D-Bus specification. Only names are matched by
 * regular expressions: their length is bounded, and that of paths is not.
 */
const element = /^[A-Za-z_][A-Za-z0-9_]*$/;
const interfaceName = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+$/;
const uniqueName = /^:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+$/;
const wellKnownName = /^[A-Za-z_-][A-Za-z0-9_-]*(?:\.[A-Za-z_-][A-Za-z0-9_-]*)+$/;

/** Tests for `/`, or for `/` and an element of `[A-Za-z0-9_]`, once or more. */
export function isObjectPath(text: string): boolean {
  if (text.charCodeAt(0) !== 0x2f) return false;
  if (text.length === 1) return true;
  let previous = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x2f ? previous === 0x2f : !isWordCode(code)) return false;
    previous = code;
  }
  return previous !== 0x2f;
}

/** Tests for two or more elements, such as `org.freedesktop.DBus`; error names too. */
export function isInterfaceName(text: string): boolean {
  return text.length <= maxNameBytes && interfaceName.test(text);
}

/** Tests for one element, such as `GetUnit`. */
export function isMemberName(text: string): boolean {
  return text.length <= maxNameBytes && element.test(text);
}

/** Tests for a unique name (`:1.42`) or a well-known one (`org.freedesktop.systemd1`). */
export function isBusName(text: string): boolean {
  return text.length <= maxNameBytes && (uniqueName.test(text) || wellKnownName.test(text));
}

function isWordCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    code === 0x5f
  );
}
