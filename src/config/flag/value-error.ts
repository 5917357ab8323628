import { clipped, quoted } from "../../platform/data/escape.ts";

/** A text that is invalid for its setting. Parsers throw it; {@link parseSetting} adds the setting's name. */
export class ValueError extends Error {
  override name = "ValueError";

  /** @param expected what is valid; follows the word "expected" */
  constructor(expected: string) {
    super(`expected ${expected}`);
  }
}

/** An invalid setting. The message is one line that names it, and holds no secret. */
export class ConfigError extends Error {
  override name = "ConfigError";
}

/** Returns the value of `text`, or throws a {@link ValueError}. */
export type Parse<T> = (text: string) => T;

const MAX_SHOWN_LENGTH = 80;

/**
 * Parses the text of the setting `name`.
 *
 * @param show false for a text that can hold a password: the message does not repeat it
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
