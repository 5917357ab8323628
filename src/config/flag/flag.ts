import { parseSetting } from "./value-error.ts";
import type { Parse } from "./value-error.ts";

/** A text that was given for a setting, and where. */
export interface Given {
  /** What to call it in a message: `--docker.host`, `UNITWATCH_DOCKER_HOST`, `DOCKER_HOST`. */
  readonly source: string;
  readonly text: string;
}

/** What separates the items of a repeatable flag in its variable. Lines always do. */
export type Separator = "comma" | "newline";

/** What a shell completes a value with: words, or things that it looks for itself. */
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
  /** Stands for the value in help: `ADDRESS`. */
  readonly hint: string;
  /** One or two sentences without markup. */
  readonly help: string;
  /** Left out where a shell can't know. */
  readonly completes?: Completes;
  /** Another variable that is asked after the flag's own. */
  readonly fallbackVariable?: string;
  /** True where a variable that is set to nothing is a value, and not the same as one that isn't set. */
  readonly emptyIsValue?: boolean;
  /** True where the text can hold a password, and so is never repeated. */
  readonly secret?: boolean;
}

/** One flag: the table's row, from which parsing, help and documentation are made. */
export interface Flag<T> extends FlagText {
  /** The default as help shows it. */
  readonly defaultText: string;
  /** Undefined where the flag can be given once. */
  readonly separator: Separator | undefined;
  /**
   * The value; of none given, the default.
   *
   * @throws ConfigError naming the source of the text at fault
   */
  read(given: readonly Given[]): T;
}

/** A flag with a default that is written as its value would be. */
export function single<T>(
  row: FlagText & { readonly defaultText: string; readonly parse: Parse<T> },
): Flag<T> {
  return {
    ...row,
    separator: undefined,
    read: ([given]) => readOne(row, given ?? { source: row.name, text: row.defaultText }),
  };
}

/** A flag that is undefined unless given; `defaultText` says what then happens. */
export function optional<T>(
  row: FlagText & { readonly defaultText: string; readonly parse: Parse<T> },
): Flag<T | undefined> {
  return {
    ...row,
    separator: undefined,
    read: ([given]) => (given === undefined ? undefined : readOne(row, given)),
  };
}

/** A flag that can be given several times; its default is one value, or none where that is "". */
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

/** The variable of a flag: `UNITWATCH_DOCKER_HOST` for `docker.host`. */
export function variableName(flagName: string): string {
  return `UNITWATCH_${flagName.toUpperCase().replaceAll(/[.-]/g, "_")}`;
}
