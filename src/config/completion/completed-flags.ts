import { COMMANDS } from "../commands.ts";
import type { Command } from "../commands.ts";
import type { Completes, Flag } from "../flag/flag.ts";
import { FLAGS, SWITCHES } from "../flags.ts";

/** Flag as shells complete it. */
export interface CompletedFlag {
  /** With its dashes. */
  readonly flag: string;
  /** One sentence without its full stop. */
  readonly help: string;
  /** Undefined for a switch. */
  readonly value:
    | {
        readonly hint: string;
        readonly completes: Completes | undefined;
        readonly isRepeatable: boolean;
      }
    | undefined;
}

/** Command as shells complete it. */
export interface CompletedCommand {
  /** "" for the sidecar. */
  readonly name: string;
  readonly summary: string;
  /** Words that may follow the name. */
  readonly words: readonly string[];
  readonly hint: string;
  /** Words that may be among the flags. */
  readonly operands: readonly { readonly hint: string; readonly completes?: Completes }[];
  readonly flags: readonly CompletedFlag[];
}

/** Names the engine's containers, one a line; prints nothing on failure. POSIX shell. */
export const CONTAINER_NAMES =
  '"${UNITWATCH_DOCKER_COMMAND:-docker}" ps --all --format "{{.Names}}" 2>/dev/null';

/** Returns the sidecar, then the commands, then `help`. */
export function completedCommands(): readonly CompletedCommand[] {
  const sidecar: CompletedCommand = {
    name: "",
    summary: "",
    words: [],
    hint: "",
    operands: [],
    flags: [...switches(SWITCHES), ...Object.values(FLAGS).map((flag) => completedFlag(flag))],
  };
  const help: CompletedCommand = {
    name: "help",
    summary: "Print the help of unitwatch or of a command",
    words: Object.keys(COMMANDS),
    hint: "COMMAND",
    operands: [],
    flags: [],
  };
  return [sidecar, ...Object.values(COMMANDS).map((command) => completedCommand(command)), help];
}

function completedCommand(command: Command): CompletedCommand {
  const { name, summary, argument, operands = [], flags, shared } = command;
  const valued = [...Object.values(flags), ...shared.map((key) => FLAGS[key])];
  return {
    name,
    summary,
    words: argument?.words ?? [],
    hint: argument?.hint ?? "",
    operands,
    flags: [...switches(command.switches), ...valued.map((flag) => completedFlag(flag))],
  };
}

function completedFlag({ name, hint, help, completes, separator }: Flag<unknown>): CompletedFlag {
  const value = { hint, completes, isRepeatable: separator !== undefined };
  return { flag: `--${name}`, help: firstSentence(help), value };
}

function switches(table: Readonly<Record<string, string>>): CompletedFlag[] {
  return Object.entries(table).map(([name, help]) => ({
    flag: `--${name}`,
    help: firstSentence(help),
    value: undefined,
  }));
}

function firstSentence(help: string): string {
  return help.replace(/\.(?: .*)?$/, "");
}
