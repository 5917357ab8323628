import { clipped, quoted } from "../../platform/data/escape.ts";
import type { Flag } from "./flag.ts";
import { nearest } from "./nearest.ts";
import { ConfigError } from "./value-error.ts";

/** Flags with a value, and switches without one, by name without the dashes. */
export interface ArgumentTable<Switch extends string> {
  readonly flags: readonly Flag<unknown>[];
  readonly switches: Readonly<Record<Switch, string>>;
  /** Command that lists them: `--help`. */
  readonly help: string;
  /** Hints of the words that may be among the flags, in their order. Default: none. */
  readonly words?: readonly string[];
}

/** Arguments by flag, their values not parsed yet. */
export interface Arguments<Switch extends string = string> {
  /** Texts by flag name, in the order of the arguments. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<Switch>;
  /** Words that are neither flags nor values. */
  readonly words: readonly string[];
}

/** Switches that end the reading of arguments. */
const EXITS: ReadonlySet<string> = new Set(["help", "version"]);
const HELP: string = "help";
const MAX_SHOWN_LENGTH = 80;

/**
 * Reads `--name=value`, `--name value` and `--switch`. A value that begins with a dash needs the
 * first form. Stops at `--help` and `--version`, and ignores what follows.
 *
 * @throws ConfigError for the first invalid argument
 */
export function readArguments<Switch extends string>(
  argv: readonly string[],
  table: ArgumentTable<Switch>,
): Arguments<Switch> {
  const flagByName = new Map(table.flags.map((flag) => [flag.name, flag]));
  const isSwitch = (name: string): name is Switch => Object.hasOwn(table.switches, name);
  const values = new Map<string, string[]>();
  const switches = new Set<Switch>();
  const words: string[] = [];
  const rest = argv.values();
  for (const argument of rest) {
    const [, name, inline] = /^--([^=]+)(?:=(.*))?$/su.exec(argument) ?? [];
    if (argument === "-h" && isSwitch(HELP)) return { values, words, switches: new Set([HELP]) };
    if (argument !== "" && !argument.startsWith("-") && table.words !== undefined) {
      if (words.length === table.words.length)
        throw new ConfigError(tooMany(argument, table.words));
      words.push(argument);
      continue;
    }
    if (name === undefined) throw new ConfigError(notAFlag(argument, table));

    if (isSwitch(name)) {
      if (inline !== undefined) throw new ConfigError(`--${name}: expected no value`);
      if (EXITS.has(name)) return { values, words, switches: new Set([name]) };
      switches.add(name);
      continue;
    }

    const flag = flagByName.get(name);
    if (flag === undefined) throw new ConfigError(unknownFlag(`--${name}`, table));
    const text = inline ?? rest.next().value;
    if (text === undefined || (inline === undefined && text.startsWith("-"))) {
      throw new ConfigError(`--${name}: expected a value, as in --${name}=${flag.hint}`);
    }
    const earlier = values.get(name);
    if (earlier !== undefined && flag.separator === undefined) {
      throw new ConfigError(`--${name}: expected once, the flag cannot be repeated`);
    }
    values.set(name, [...(earlier ?? []), text]);
  }
  return { values, switches, words };
}

function tooMany(argument: string, words: readonly string[]): string {
  const shown = quoted(clipped(argument, MAX_SHOWN_LENGTH));
  return `unexpected argument ${shown}: expected at most ${words.join(" and ")}`;
}

/** Returns the error for an argument that is not a flag. The text after `=` isn't shown: it may be a secret. */
function notAFlag(argument: string, table: ArgumentTable<string>): string {
  const [, name] = /^-([^-=][^=]*)/su.exec(argument) ?? [];
  return name === undefined
    ? `unexpected argument ${quoted(clipped(argument, MAX_SHOWN_LENGTH))}: expected only flags`
    : unknownFlag(`-${name}`, table);
}

/** @param given the flag with its dashes */
function unknownFlag(given: string, table: ArgumentTable<string>): string {
  const shown = quoted(clipped(given, MAX_SHOWN_LENGTH)).slice(1, -1);
  const known = [...table.flags.map((flag) => flag.name), ...Object.keys(table.switches)];
  const guess = nearest(given.replace(/^--?/, ""), known);
  const expected = `unknown flag ${shown}: expected one that ${table.help} lists`;
  return guess === undefined ? expected : `${expected}, such as --${guess}`;
}
