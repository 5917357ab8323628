import { MAX_UNIT_NAMES } from "../domain/unit.ts";
import { alternatives } from "../platform/data/alternatives.ts";
import { clipped, quoted } from "../platform/data/escape.ts";
import { COMMANDS, SHELLS } from "./commands.ts";
import type { Command, CommandName, Shell } from "./commands.ts";
import type { EventsConfig, StatusConfig, WaitConfig, WatchConfig } from "./config.ts";
import { readArguments } from "./flag/arguments.ts";
import type { Arguments } from "./flag/arguments.ts";
import { containerName, wholeUnitName } from "./flag/command-values.ts";
import { nearest } from "./flag/nearest.ts";
import { oneOf } from "./flag/scalars.ts";
import { readSettings } from "./flag/settings.ts";
import type { Environment, Settings } from "./flag/settings.ts";
import { ConfigError, parseSetting } from "./flag/value-error.ts";
import { FLAGS } from "./flags.ts";
import { commandHelp, helpText } from "./help.ts";
import {
  deepFrozen,
  hostConfig,
  runtimeVariables,
  parseConfig,
  watchConfig,
} from "./parse-config.ts";
import type { ParsedConfig } from "./parse-config.ts";

/** Parsed command line: a command or the sidecar. */
export type ParsedCommandLine =
  | ParsedConfig
  | { readonly kind: "wait"; readonly config: WaitConfig }
  | { readonly kind: "events"; readonly config: EventsConfig }
  | { readonly kind: "status"; readonly config: StatusConfig }
  | { readonly kind: "completion"; readonly shell: Shell };

const MAX_SHOWN_LENGTH = 80;
/** A word that stands for `--help`; no command of its own. */
const HELP = "help";

/** Reads arguments (those after the script) and environment. A first argument without a dash is a command. */
export function parseCommandLine(argv: readonly string[], env: Environment): ParsedCommandLine {
  const [word = "", ...rest] = argv;
  if (word === "" || word.startsWith("-")) return parseConfig(argv, env);
  if (word === HELP) return helpFor(rest);
  if (!isCommand(word)) return rejected("unitwatch", unknownCommand(word));
  try {
    return parseCommand(word, rest, env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return rejected(`unitwatch ${word}`, error.message);
  }
}

/** Returns the help of unitwatch, or of the command that follows. */
function helpFor([word = HELP, other]: readonly string[]): ParsedCommandLine {
  if (other !== undefined) {
    const shown = quoted(clipped(other, MAX_SHOWN_LENGTH));
    return rejected(`unitwatch ${HELP}`, `unexpected argument ${shown}: expected one command`);
  }
  if (word === HELP || word === "--help") return { kind: "exit", code: 0, stdout: helpText() };
  if (!isCommand(word)) return rejected(`unitwatch ${HELP}`, unknownCommand(word));
  return { kind: "exit", code: 0, stdout: commandHelp(COMMANDS[word]) };
}

function parseCommand(
  name: CommandName,
  argv: readonly string[],
  env: Environment,
): ParsedCommandLine {
  const command: Command = COMMANDS[name];
  const [word, ...rest] = argv;
  const hasWord = command.argument !== undefined && word !== undefined && !word.startsWith("-");
  const given = readArguments(hasWord ? rest : argv, {
    flags: [...Object.values(command.flags), ...command.shared.map((key) => FLAGS[key])],
    switches: command.switches,
    help: `unitwatch ${name} --help`,
    ...(command.operands && { words: command.operands.map(({ hint }) => hint) }),
  });
  if (given.switches.has("help")) return { kind: "exit", code: 0, stdout: commandHelp(command) };
  const watch = watchConfig(sharedSettings(command, given, env), env);
  switch (name) {
    case "wait": {
      const own = readSettings(COMMANDS.wait.flags, given.values, {});
      const host = given.switches.has("host");
      const systemd = { ...watch.systemd, ...hostConfig(host, env) };
      return { kind: "wait", config: waitConfig({ ...watch, systemd, ...own }, given) };
    }
    case "events": {
      const own = readSettings(COMMANDS.events.flags, given.values, {});
      rejectTooMany(own.units);
      const json = given.switches.has("json");
      const config = { ...watch, ...own, kinds: own.kinds.flat(), json };
      return { kind: "events", config: deepFrozen<EventsConfig>(config) };
    }
    case "status": {
      const own = readSettings(COMMANDS.status.flags, given.values, {});
      return { kind: "status", config: statusConfig({ ...watch, ...own }, given) };
    }
    case "completion":
      return { kind: "completion", shell: shellNamed(hasWord ? word : undefined) };
    default:
      return name satisfies never;
  }
}

function shellNamed(word: string | undefined): Shell {
  const { argument } = COMMANDS.completion;
  if (word === undefined) {
    throw new ConfigError(
      `expected ${alternatives(argument.words)}, as in completion ${SHELLS[0]}`,
    );
  }
  return parseSetting(argument.hint, word, oneOf(argument.words));
}

/** Reads the flags that the command shares with the sidecar; the sidecar's other flags keep their defaults. */
function sharedSettings(
  { shared }: Command,
  { values }: Arguments,
  env: Environment,
): Settings<typeof FLAGS> {
  const table = Object.fromEntries(shared.map((key) => [key, FLAGS[key]]));
  return {
    ...readSettings(FLAGS, new Map(), {}),
    ...readSettings(table, values, runtimeVariables(values, env)),
  };
}

function waitConfig(
  settings: Omit<WaitConfig, "host" | "keepWaiting" | "quiet">,
  { switches }: Arguments,
): WaitConfig {
  const { containers, health, units, system, systemd, watch } = settings;
  const hasContainers = containers.length > 0 || watch.filters.length > 0;
  if (!hasContainers && !systemd.host) {
    throw new ConfigError(
      "nothing to wait for: expected --container, --watch.filter, --watch.cluster or --host",
    );
  }
  if (systemd.host && units.length === 0 && system === undefined) {
    throw new ConfigError("--host: expected --unit or --system with it");
  }
  if (!hasContainers && health !== undefined) {
    throw new ConfigError("--health: expected --container or a filter with it, the host has none");
  }
  if (hasContainers && systemd.transport === "off" && (units.length > 0 || system !== undefined)) {
    const condition = units.length > 0 ? "--unit" : "--system";
    throw new ConfigError(`${condition}: expected a --systemd.transport other than off with it`);
  }
  rejectTooMany(units);
  rejectContradictions(units);
  return deepFrozen<WaitConfig>({
    ...settings,
    host: hasContainers ? (systemd.host ? "too" : "none") : "alone",
    keepWaiting: switches.has("keep-waiting"),
    quiet: switches.has("quiet"),
  });
}

function statusConfig(
  settings: WatchConfig & Settings<typeof COMMANDS.status.flags>,
  { words, switches, values }: Arguments,
): StatusConfig {
  const [container, unit] = words;
  const [one, two] = COMMANDS.status.operands;
  return {
    ...settings,
    url: values.has("url") ? settings.url : "auto",
    container: container && parseSetting(one.hint, container, containerName),
    unit: unit && parseSetting(two.hint, unit, wholeUnitName),
    json: switches.has("json"),
  };
}

/** @throws ConfigError */
function rejectTooMany({ length }: readonly unknown[]): void {
  if (length <= MAX_UNIT_NAMES) return;
  throw new ConfigError(`--unit: given ${length} times, expected at most ${MAX_UNIT_NAMES}`);
}

/** @throws ConfigError if no state of a unit that is named several times satisfies all its conditions */
function rejectContradictions(units: WaitConfig["units"]): void {
  for (const [name, conditions] of Map.groupBy(units, ({ unit }) => unit)) {
    const [first, ...others] = conditions.map(({ states }) => states);
    if (first?.some((state) => others.every((states) => states.includes(state))) === true) continue;
    const either = [...new Set(conditions.flatMap(({ states }) => states))].join(",");
    throw new ConfigError(
      `--unit: ${name} can't be in several states at once, expected ${name}=${either} for any of them`,
    );
  }
}

function isCommand(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

function unknownCommand(word: string): string {
  const guess = nearest(word, [...Object.keys(COMMANDS), HELP]);
  const shown = quoted(clipped(word, MAX_SHOWN_LENGTH));
  const expected = `unknown command ${shown}: expected one that --help lists`;
  return guess === undefined ? expected : `${expected}, such as ${guess}`;
}

function rejected(program: string, message: string): ParsedConfig {
  return { kind: "exit", code: 2, stderr: `${program}: error: ${message}\n` };
}
