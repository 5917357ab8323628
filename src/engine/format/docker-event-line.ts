import type { EngineEvent } from "../../domain/engine-event.ts";
import { isJsonObject, parseJsonObject } from "../../platform/data/json.ts";
import type { DockerMessage } from "./docker-message.ts";
import { dockerShapeOf, podmanAction } from "./podman-event.ts";
import { parseRfc3339Ns } from "./rfc3339.ts";

const TIME_NANO_MEMBER = ',"timeNano":';
const DIGITS = /^\d{1,19}$/;

/**
 * Reads one line of `docker events --format '{{json .}}'`, or podman's.
 *
 * @returns undefined for events of other objects than containers, and `malformed` for a line that
 *   isn't JSON or lacks the shape of {@link DockerMessage}. Attributes that aren't strings are left
 *   out. The time is 0n if the engine gives none.
 */
export function parseDockerEvent(line: string): EngineEvent | "malformed" | undefined {
  const object = parseJsonObject(line);
  if (object === undefined) return "malformed";
  const message: DockerMessage = "Action" in object ? object : dockerShapeOf(object);

  const { Type: type = "container", Actor: actor = {} } = message;
  const action = podmanAction(message.Action, object);
  if (type !== "container") return typeof type === "string" ? undefined : "malformed";
  if (typeof action !== "string" || !isJsonObject(actor)) return "malformed";

  const { ID: id = "", Attributes: attributes } = actor;
  const timeNs = timeNsOf(message, line);
  const texts = textsOf(attributes ?? {});
  if (typeof id !== "string" || timeNs === undefined || texts === undefined) return "malformed";
  return { action, id, attributes: texts, timeNs };
}

function textsOf(attributes: unknown): ReadonlyMap<string, string> | undefined {
  if (!isJsonObject(attributes)) return undefined;
  // Without its name the event would silently count for another container.
  if (typeof (attributes["name"] ?? "") !== "string") return undefined;
  const texts = new Map<string, string>();
  for (const key of Object.keys(attributes)) {
    const value = attributes[key];
    if (typeof value === "string") texts.set(key, value);
  }
  return texts;
}

function timeNsOf(message: DockerMessage, line: string): bigint | undefined {
  const { time = 0, timeNano = 0, Time } = message;
  if (typeof Time === "string") return parseRfc3339Ns(Time);
  if (typeof timeNano !== "number" || typeof time !== "number") return undefined;
  if (timeNano !== 0) {
    const digits = lastMemberDigits(line) ?? topLevelDigits(line);
    return DIGITS.test(digits) ? BigInt(digits) : undefined;
  }
  return Number.isSafeInteger(time) && time >= 0 ? BigInt(time) * 1_000_000_000n : undefined;
}

/**
 * Returns the digits of a `timeNano` that ends the line, as docker's does. In a valid JSON object
 * the text between a comma and the last brace is a member of that object: no label can imitate it,
 * since quotes within a string are escaped.
 */
function lastMemberDigits(line: string): string | undefined {
  const at = line.lastIndexOf(TIME_NANO_MEMBER);
  if (at < 0 || !line.endsWith("}")) return undefined;
  const digits = line.slice(at + TIME_NANO_MEMBER.length, -1);
  return DIGITS.test(digits) ? digits : undefined;
}

/**
 * Returns the digits of a top-level `timeNano` at any position, at five times the cost. A reviver
 * recurses: an object of hostile depth, which the parser itself accepts, throws here.
 */
function topLevelDigits(line: string): string {
  const sources = new Map<unknown, string>();
  try {
    const root: unknown = JSON.parse(line, function (this: unknown, key, value, context?: Source) {
      if (key === "timeNano") sources.set(this, context?.source ?? "");
      return value;
    } as Reviver);
    return sources.get(root) ?? "";
  } catch {
    return "";
  }
}

/** Third argument of a reviver, which TypeScript's library lacks. */
interface Source {
  readonly source?: string;
}
type Reviver = (this: unknown, key: string, value: unknown) => unknown;
