import { EventKind } from "../../domain/event.ts";
import { ACTIVE_STATES, MAX_UNIT_NAME_BYTES, RARE_ACTIVE_STATES } from "../../domain/unit.ts";
import type { UnitCondition } from "../../domain/wait-goal.ts";
import { nearest } from "./nearest.ts";
import { anyOf, intervalMs } from "./scalars.ts";
import { ValueError } from "./value-error.ts";

/** Names that the engine accepts, see https://docs.docker.com/reference/api/engine/; ids match too. */
const CONTAINER = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;
const CONTAINER_PATTERN = /^[A-Za-z0-9*?][A-Za-z0-9_.*?-]{0,254}$/;

/** Parses a container's name, id or beginning of an id, as the docker command does. */
export function containerName(text: string): string {
  if (CONTAINER.test(text)) return text;
  throw new ValueError("the name or id of a container");
}

/** Parses a container's name or id, or a name pattern with `*` and `?`. */
export function containerPattern(text: string): string {
  if (CONTAINER_PATTERN.test(text)) return text;
  throw new ValueError("the name or id of a container, or a pattern such as dev-*");
}

const UNIT_TYPES =
  /\.(?:automount|device|mount|path|scope|service|slice|socket|swap|target|timer)$/;
/** Characters that are rejected in a unit's name instead of being escaped: patterns, paths, blanks, controls. */
const NO_UNIT = /[\p{C}\p{Z}/=*?[\]]/u;
const NO_UNIT_PATTERN = /[\p{C}\p{Z}/=[\]]/u;
/** Characters of unit names, see https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html. */
const NAME_BYTE = /[A-Za-z0-9:_.\\@*?-]/;

/** Completes a name as systemctl does: appends `.service` to a name without a type, and escapes other characters. */
function unitName(text: string): string {
  const isWhole = UNIT_TYPES.test(text) || /[*?]/.test(text);
  return escaped(isWhole ? text : `${text}.service`);
}

function escaped(text: string): string {
  return Array.from(Buffer.from(text), (byte) => {
    const letter = String.fromCodePoint(byte);
    return NAME_BYTE.test(letter) ? letter : `\\x${byte.toString(16).padStart(2, "0")}`;
  }).join("");
}

/**
 * @param unfit matches a character that is invalid
 * @param expected text of the error
 */
function unitOf(text: string, unfit: RegExp, expected: string): string {
  const name = unitName(text);
  const isFit = text !== "" && !unfit.test(text) && name.length < MAX_UNIT_NAME_BYTES;
  if (!isFit) throw new ValueError(expected);
  return name;
}

const unitStates = anyOf([...ACTIVE_STATES, ...RARE_ACTIVE_STATES]);

/** Parses `NAME`, `NAME=STATE` or `NAME=STATE,STATE`; the default state is active. */
export function unitCondition(text: string): UnitCondition {
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  return {
    unit: unitOf(
      name,
      NO_UNIT,
      "NAME or NAME=STATE, such as sshd.service=active, without patterns",
    ),
    states: at < 0 ? ["active"] : unitStates(text.slice(at + 1)),
  };
}

/** Parses a unit's name. */
export function wholeUnitName(text: string): string {
  return unitOf(text, NO_UNIT, "the name of a unit, such as sshd.service, without patterns");
}

/**
 * Parses the address of a running unitwatch, without the path of the API; undefined for `none`.
 */
export function unitwatchUrl(text: string): URL | undefined {
  if (text === "none") return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
  if (url !== undefined && isHttp && url.search === "" && url.hash === "") return url;
  throw new ValueError("http://HOST:PORT or https://HOST:PORT of a running unitwatch, or none");
}

/** Parses a unit's name, or a pattern with `*` and `?`. */
export function unitPattern(text: string): string {
  return unitOf(text, NO_UNIT_PATTERN, "the name of a unit, or a pattern such as slurm*.service");
}

const KINDS = Object.values(EventKind);

/** Parses kinds of events, separated by commas: `unit.failed`, `container.*`. */
export function eventKinds(text: string): readonly EventKind[] {
  return text.split(",").flatMap((word) => {
    const kinds = KINDS.filter((kind) => kind === word || word === `${groupOf(kind)}.*`);
    if (kinds.length > 0) return kinds;
    const groups = [...new Set(KINDS.map((kind) => `${groupOf(kind)}.*`))];
    const guess = nearest(word, [...KINDS, ...groups]) ?? "unit.failed";
    throw new ValueError(`a kind of event, such as ${guess}, or ${groups.join(", ")}`);
  });
}

function groupOf(kind: EventKind): string {
  return kind.slice(0, kind.indexOf("."));
}

/** Parses a duration into milliseconds, and `none` into undefined. */
export function timeLimit(text: string): number | undefined {
  if (text === "none") return undefined;
  try {
    return intervalMs(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new ValueError("a duration longer than 0 and up to 10y, such as 60s or 1m30s, or none");
  }
}
