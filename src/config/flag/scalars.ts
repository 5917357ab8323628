import { alternatives } from "../../platform/data/alternatives.ts";
import { ValueError } from "./value-error.ts";
import type { Parse } from "./value-error.ts";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Lengths of the units of a duration, in the order of {@link DURATION}. */
const DURATION_UNITS_MS = [365 * DAY_MS, 7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, 1];
const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;
/** Ten years. */
const MAX_DURATION_MS = 3650 * DAY_MS;

/** Parses a duration of at most ten years in the format of Prometheus: `5m`, `1h30m`, `250ms`, `0`. */
export function durationMs(text: string): number {
  if (text === "0") return 0;
  const amounts = DURATION.exec(text)?.slice(1);
  if (text === "" || amounts === undefined) {
    throw new ValueError("a duration such as 5m, 1h30m or 250ms");
  }
  const totalMs = DURATION_UNITS_MS.reduce(
    (sumMs, unitMs, at) => sumMs + unitMs * Number(amounts[at] ?? 0),
    0,
  );
  if (totalMs > MAX_DURATION_MS) throw new ValueError("a duration of at most 10y");
  return totalMs;
}

/** Parses a duration as {@link durationMs} does, but rejects 0. */
export function intervalMs(text: string): number {
  const ms = durationMs(text);
  if (ms === 0) throw new ValueError("a duration longer than 0");
  return ms;
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Parses a size into bytes: `256MiB`, `1GiB`, `512KB` (512,000) or a plain number of bytes. */
export function byteSize(text: string): number {
  const [, amount, unit] = /^(\d+)([KMGT]i?B|B|)$/.exec(text) ?? [];
  const bytes = Number(amount) * (BYTE_UNITS[unit ?? ""] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) {
    throw new ValueError("a size such as 256MiB, 512KB or a number of bytes");
  }
  return bytes;
}

/** Returns a parser of whole decimal numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number): Parse<number> {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new ValueError(`a whole number from ${min} to ${max}`);
  };
}

/** Returns a parser that accepts one of the words. */
export function oneOf<const Word extends string>(words: readonly Word[]): Parse<Word> {
  return (text) => {
    const word = words.find((word) => word === text);
    if (word !== undefined) return word;
    throw new ValueError(alternatives(words));
  };
}

/** Returns a parser that accepts one of the words, in upper or lower case. */
export function oneOfAnyCase<const Word extends string>(words: readonly Word[]): Parse<Word> {
  return (text) => oneOf(words)(text.toLowerCase());
}

/** Parses `true` or `false` in upper or lower case, as OpenTelemetry specifies. */
export function trueOrFalse(text: string): boolean {
  return oneOfAnyCase(["true", "false"])(text) === "true";
}

const MAX_REGEXP_LENGTH = 4096;

/**
 * Parses a JavaScript regular expression (flag u) and anchors it at both ends. Patterns with nested
 * repetition, such as `(a+)+`, can take time exponential in the length of the text; the texts are
 * unit names of at most 255 bytes.
 */
export function anchoredRegExp(text: string): RegExp {
  if (text.length > MAX_REGEXP_LENGTH) {
    throw new ValueError(`a regular expression of at most ${MAX_REGEXP_LENGTH} characters`);
  }
  try {
    // Compiled alone first: `a)|(b` is invalid, but becomes valid between the parentheses.
    void new RegExp(text, "u");
    return new RegExp(`^(?:${text})$`, "u");
  } catch (error) {
    const reason = String(error).split(": ").at(-1) ?? "";
    throw new ValueError(`a regular expression (${reason})`);
  }
}

/**
 * Parses a JavaScript regular expression (flags u and g) whose matches are replaced. Its user
 * limits the time.
 */
export function replacedRegExp(text: string): RegExp {
  // The limits are those of an anchored one.
  void anchoredRegExp(text);
  const pattern = new RegExp(text, "gu");
  if ("".search(pattern) === 0) {
    throw new ValueError("a regular expression that doesn't match an empty text");
  }
  return pattern;
}

/** Returns a parser of one or more of the words, separated by commas. */
export function anyOf<const Word extends string>(words: readonly Word[]): Parse<readonly Word[]> {
  const one = oneOf(words);
  return (text) => text.split(",").map(one);
}

/** Returns a parser of some of the words, separated by commas, or of `none`. */
export function someOf<const Word extends string>(words: readonly Word[]): Parse<readonly Word[]> {
  return (text) => {
    if (text === "none") return [];
    const some = text.split(",").map((word) => words.find((known) => known === word));
    if (some.every((word) => word !== undefined)) return [...new Set(some)];
    throw new ValueError(`none, or some of ${words.join(", ")}, separated by commas`);
  };
}

/** Returns a parser that accepts a text that is not empty and has no control characters. */
export function plainText(expected: string): Parse<string> {
  return (text) => {
    if (text === "" || /\p{Cc}/u.test(text)) throw new ValueError(expected);
    return text;
  };
}

/** Parses the name or path of a command. A name has no spaces: arguments would be part of the path. */
export function commandName(text: string): string {
  const expected = "the name or path of a command, without arguments";
  const name = plainText(expected)(text);
  if (/\s/u.test(name) && !name.includes("/")) throw new ValueError(expected);
  return name;
}
