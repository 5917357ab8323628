import { EventKind } from "../../domain/event.ts";
import { ACTIVE_STATES, MAX_UNIT_NAME_BYTES, RARE_ACTIVE_STATES } from "../../domain/unit.ts";
import type { UnitCondition } from "../../domain/wait-goal.ts";
import { nearest } from "./nearest.ts";
import { anyOf, intervalMs } from "./scalars.ts";
import { ValueError } from "./value-error.ts";

/** https://docs.docker.com/reference/api/engine/: what it takes for a name; ids are such names too. */
const CONTAINER = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/;
const CONTAINER_PATTERN = /^[A-Za-z0-9*?][A-Za-z0-9_.*?-]{0,254}$/;

/** A container by its name, or by its id or the beginning of that, as the docker command takes them. */
export function containerName(text: string): string {
  if (CONTAINER.test(text)) return text;
  throw new ValueError("the name or id of a container");
}

/** The same, or a pattern of names in which `*` and `?` stand for others. */
export function containerPattern(text: string): string {
  if (CONTAINER_PATTERN.test(text)) return text;
  throw new ValueError("the name or id of a container, or a pattern such as dev-*");
}

const UNIT_TYPES =
  /\.(?:automount|device|mount|path|scope|service|slice|socket|swap|target|timer)$/;
/** What no unit's name has, and what isn't escaped either: it stands for a pattern, a path or nothing. */
const NO_UNIT = /[\p{C}\p{Z}/=*?[\]]/u;
const NO_UNIT_PATTERN = /[\p{C}\p{Z}/=[\]]/u;
/** https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html: what names are made of. */
const NAME_BYTE = /[A-Za-z0-9:_.\\@*?-]/;

/** As systemctl does it: a name without a type is a service's, and what it can't have is escaped. */
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

/** @param expected what is said to be expected, where it is no name */
function unitOf(text: string, unfit: RegExp, expected: string): string {
  const name = unitName(text);
  const isFit = text !== "" && !unfit.test(text) && name.length < MAX_UNIT_NAME_BYTES;
  if (!isFit) throw new ValueError(expected);
  return name;
}

const unitStates = anyOf([...ACTIVE_STATES, ...RARE_ACTIVE_STATES]);

/** `NAME`, `NAME=STATE` or `NAME=STATE,STATE`; without a state it is to be active. */
export function unitCondition(text: string): UnitCondition {
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  return {
    unit: unitOf(name, NO_UNIT, "NAME or NAME=STATE, such as sshd.service=active, and no pattern"),
    states: at < 0 ? ["active"] : unitStates(text.slice(at + 1)),
  };
}

/** A unit's name, or a pattern in which `*` and `?` stand for others. */
export function unitPattern(text: string): string {
  return unitOf(text, NO_UNIT_PATTERN, "the name of a unit, or a pattern such as slurm*.service");
}

const KINDS = Object.values(EventKind);

/** Kinds of events: `unit.failed`, `container.*`; several are separated by commas. */
export function eventKinds(text: string): readonly EventKind[] {
  return text.split(",").flatMap((word) => {
    const kinds = KINDS.filter((kind) => kind === word || word === `${groupOf(kind)}.*`);
    if (kinds.length > 0) return kinds;
    const groups = [...new Set(KINDS.map((kind) => `${groupOf(kind)}.*`))];
    const guess = nearest(word, [...KINDS, ...groups]) ?? "unit.failed";
    throw new ValueError(`a kind of events, such as ${guess}, or ${groups.join(", ")}`);
  });
}

function groupOf(kind: EventKind): string {
  return kind.slice(0, kind.indexOf("."));
}

/** Milliseconds; undefined for `none`. */
export function timeLimit(text: string): number | undefined {
  if (text === "none") return undefined;
  try {
    return intervalMs(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new ValueError("a duration longer than 0 and up to 10y, such as 60s or 1m30s, or none");
  }
}
