import { clipped, quoted } from "../domain/quoted.ts";
import { FLAGS, SWITCHES } from "./flags.ts";
import type { SwitchName } from "./flags.ts";
import { nearest } from "./nearest.ts";
import { ConfigError } from "./value-error.ts";

/** What the arguments say, not yet parsed. */
export interface Arguments {
  /** Texts by flag name, in their order. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly switches: ReadonlySet<SwitchName>;
}

const FLAG_BY_NAME = new Map(Object.values(FLAGS).map((flag) => [flag.name, flag]));
const MAX_SHOWN_LENGTH = 80;

/**
 * Reads `--name=value`, `--name value` and `--switch`. A value that begins with a dash needs the
 * first form. Stops at `--help` and `--version`: what follows them doesn't matter.
 *
 * @throws ConfigError for the first argument that is at fault
 */
export function readArguments(argv: readonly string[]): Arguments {
  const values = new Map<string, string[]>();
  const switches = new Set<SwitchName>();
  const rest = argv.values();
  for (const argument of rest) {
    const [, name, inline] = /^--([^=]+)(?:=(.*))?$/su.exec(argument) ?? [];
    if (argument === "-h") return { values, switches: new Set(["help"]) };
    if (name === undefined) throw new ConfigError(refusal(argument));

    if (isSwitch(name)) {
      if (inline !== undefined) throw new ConfigError(`--${name}: expected no value`);
      if (name !== "check-config") return { values, switches: new Set([name]) };
      switches.add(name);
      continue;
    }

    const flag = FLAG_BY_NAME.get(name);
    if (flag === undefined) throw new ConfigError(`unknown flag ${unknownFlag(name)}`);
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
  return { values, switches };
}

function isSwitch(name: string): name is SwitchName {
  return Object.hasOwn(SWITCHES, name);
}

/** Why an argument that doesn't have the shape of a flag is refused; what follows `=` isn't shown. */
function refusal(argument: string): string {
  const [, name] = /^-([^-=][^=]*)/su.exec(argument) ?? [];
  return name === undefined
    ? `unexpected argument ${quoted(clipped(argument, MAX_SHOWN_LENGTH))}: expected flags alone`
    : `unknown flag ${unknownFlag(name, "-")}`;
}

function unknownFlag(name: string, dashes = "--"): string {
  const shown = quoted(clipped(`${dashes}${name}`, MAX_SHOWN_LENGTH)).slice(1, -1);
  const guess = nearest(name, [...FLAG_BY_NAME.keys(), ...Object.keys(SWITCHES)]);
  return guess === undefined
    ? `${shown}: expected one that --help lists`
    : `${shown}: expected one that --help lists, such as --${guess}`;
}
