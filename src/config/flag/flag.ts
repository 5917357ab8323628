/**
 * config/flag: one flag, from its texts to its value.
 *
 * - `flag.ts` makes flags, `settings.ts` reads a table of them from arguments, variables and defaults.
 * - `arguments.ts` splits the command line. It knows no values.
 * - `addresses.ts`, `scalars.ts`, `command-values.ts` and `otlp-values.ts` parse one text each.
 * - `value-error.ts` words the errors, `nearest.ts` finds the flag that a typing error meant.
 *
 * May import `domain/` and `platform/`. A parser returns the value or throws a `ValueError` that says
 * what was expected; it never knows the name of its setting.
 */
import { parseSetting } from "./value-error.ts";
import type { Parse } from "./value-error.ts";

/** The text of a setting and its source. */
export interface Given {
  /** Name for messages: `--docker.host`, `UNITWATCH_DOCKER_HOST`, `DOCKER_HOST`. */
  readonly source: string;
  readonly text: string;
}

/** Separator of a repeatable flag's items in its variable; a newline always separates. */
export type Separator = "comma" | "newline";

/** Completions that a shell offers for a value: words, or names that it looks up. */
export type Completes =
  | readonly string[]
  /** Several of the words, separated by commas. */
  | { readonly anyOf: readonly string[] }
  | "file"
  | "folder"
  | "command"
  | "container";

interface FlagText {
  /** Without the dashes: `docker.host`. */
  readonly name: string;
  /** Placeholder of the value in help: `ADDRESS`. */
  readonly hint: string;
  /** One or two sentences without markup. */
  readonly help: string;
  /** Absent if a shell has no completions to offer. */
  readonly completes?: Completes;
  /** Variable that is read if the flag's own is not set. */
  readonly fallbackVariable?: string;
  /** True if an empty variable is a value; by default it counts as not set. */
  readonly emptyIsValue?: boolean;
  /** True if the text can hold a password; messages then never repeat it. */
  readonly secret?: boolean;
}

/** One flag. Parsing, help, completion and documentation are made from these rows. */
export interface Flag<T> extends FlagText {
  /** Default as shown in help. */
  readonly defaultText: string;
  /** Undefined if the flag can't be repeated. */
  readonly separator: Separator | undefined;
  /**
   * Parses the texts; or returns the default.
   *
   * @throws ConfigError that names the source of the invalid text
   */
  read(given: readonly Given[]): T;
}

/** Makes a flag whose default is `defaultText`, parsed. */
export function single<T>(
  row: FlagText & { readonly defaultText: string; readonly parse: Parse<T> },
): Flag<T> {
  return {
    ...row,
    separator: undefined,
    read: ([given]) => readOne(row, given ?? { source: row.name, text: row.defaultText }),
  };
}

/** Makes a flag that is undefined by default; `defaultText` describes what that means. */
export function optional<T>(
  row: FlagText & { readonly defaultText: string; readonly parse: Parse<T> },
): Flag<T | undefined> {
  return {
    ...row,
    separator: undefined,
    read: ([given]) => (given === undefined ? undefined : readOne(row, given)),
  };
}

/** Makes a flag that can be repeated. Its default is one value, or no value if `defaultText` is "". */
export function repeated<T>(
  row: FlagText & {
    readonly defaultText: string;
    readonly parse: Parse<T>;
    readonly separator: Separator;
  },
): Flag<readonly T[]> {
  const { name, defaultText } = row;
  const defaults = defaultText === "" ? [] : [{ source: name, text: defaultText }];
  return {
    ...row,
    read: (given) => (given.length > 0 ? given : defaults).map((item) => readOne(row, item)),
  };
}

function readOne<T>(row: FlagText & { readonly parse: Parse<T> }, { source, text }: Given): T {
  return parseSetting(source, text, row.parse, row.secret !== true);
}

/** Returns the variable of a flag: `UNITWATCH_DOCKER_HOST` for `docker.host`. */
export function variableName(flagName: string): string {
  return `UNITWATCH_${flagName.toUpperCase().replaceAll(/[.-]/g, "_")}`;
}
