import type { Arguments } from "./arguments.ts";
import { variableName } from "./flag.ts";
import type { Flag, Given } from "./flag.ts";

/** Environment variables, in the form of process.env. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Flags by the keys of their settings. */
export type FlagTable = Readonly<Record<string, Flag<unknown>>>;
type ValueOf<F> = F extends Flag<infer T> ? T : never;
/** The value of every flag, by the keys of the table. */
export type Settings<Table extends FlagTable> = {
  readonly [Key in keyof Table]: ValueOf<Table[Key]>;
};

/**
 * Reads every flag of a table from the arguments, else its variable, else its default. Ignores other
 * variables that begin with UNITWATCH_: Kubernetes sets some, such as UNITWATCH_PORT, for a Service
 * of that name.
 *
 * @throws ConfigError for the first invalid value
 */
export function readSettings<Table extends FlagTable>(
  flags: Table,
  values: Arguments["values"],
  env: Environment,
): Settings<Table> {
  const entries = Object.entries(flags).map(([key, flag]) => [
    key,
    flag.read(given(flag, values.get(flag.name), env)),
  ]);
  return Object.fromEntries(entries) as Settings<Table>;
}

function given(
  flag: Flag<unknown>,
  texts: readonly string[] | undefined,
  env: Environment,
): readonly Given[] {
  if (texts !== undefined) return texts.map((text) => ({ source: `--${flag.name}`, text }));
  for (const source of [variableName(flag.name), flag.fallbackVariable]) {
    const text = source === undefined ? undefined : env[source];
    if (source === undefined || text === undefined) continue;
    if (text === "" && flag.emptyIsValue !== true) continue;
    const items = flag.separator === undefined ? [text] : split(text, flag.separator);
    if (items.length > 0) return items.map((item) => ({ source, text: item }));
  }
  return [];
}

function split(text: string, separator: "comma" | "newline"): readonly string[] {
  return text
    .split(separator === "comma" ? /[,\n]/ : "\n")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}
