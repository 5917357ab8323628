import { clipped, quoted } from "../../platform/data/quoted.ts";

/** A text that isn't what its setting takes. Parsers throw it; the reader adds the setting's name. */
export class ValueError extends Error {
  override name = "ValueError";

  /** @param expected what would have done, to follow the word "expected" */
  constructor(expected: string) {
    super(`expected ${expected}`);
  }
}

/** A problem with one setting: the message is one line that names it. No secret is in it. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/** A parser: what `text` stands for, or a {@link ValueError}. */
export type Parse<T> = (text: string) => T;

const MAX_SHOWN_LENGTH = 80;

/**
 * Parses what setting `name` was given.
 *
 * @param show false for texts that can hold a password: they aren't repeated in the message
 * @throws ConfigError `--metrics.retention: expected a duration such as 5m, got "soon"`
 */
export function parseSetting<T>(name: string, text: string, parse: Parse<T>, show = true): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    const got = show ? `, got ${quoted(clipped(text, MAX_SHOWN_LENGTH))}` : "";
    throw new ConfigError(`${name}: ${error.message}${got}`, { cause: error });
  }
}
