import type { BuildInfo } from "./build-info.ts";
import { COMMANDS } from "./commands.ts";
import type { Command } from "./commands.ts";
import { variableName } from "./flag/flag.ts";
import type { Flag, Separator } from "./flag/flag.ts";
import { FLAGS, SWITCHES } from "./flags.ts";
import { OTEL_HELP } from "./otlp.ts";

const WIDTH = 80;
const INDENT = "      ";

const CODE_WIDTH = 8;
const CODE_INDENT = " ".repeat(CODE_WIDTH + 2);

const SHARED = `Flags shared with the sidecar, environment variables included: --docker.host is ${variableName("docker.host")}.`;

/** Returns the text of `unitwatch --help`. */
export function helpText(): string {
  return [
    "usage: unitwatch [flags]",
    "       unitwatch COMMAND [flags]",
    "       unitwatch help [COMMAND]",
    "",
    wrapped(
      "Watches the systemd units inside containers, by events, and turns each change into Prometheus metrics and OpenTelemetry log records.",
    ),
    "",
    wrapped(
      `Every flag with a value has an environment variable: --docker.host is ${variableName("docker.host")}. A flag wins over its variable, which wins over the default; an empty variable counts as not set, except that of --storage.path.`,
    ),
    "",
    "Commands, each with its own --help:",
    ...Object.values(COMMANDS).map(
      ({ name, summary }) => `  ${name}\n${wrapped(`${summary}.`, INDENT)}`,
    ),
    "",
    "Flags:",
    ...switchParagraphs(SWITCHES),
    ...Object.values(FLAGS).map((flag) => flagParagraph(flag, repeatNote(flag.separator))),
    "",
    wrapped(OTEL_HELP),
    "",
  ].join("\n");
}

/** Returns a usage line without its prefix: `unitwatch wait [flags]`. */
export function usage({ name, argument, operands = [] }: Command): string {
  const operandWords = operands.map(({ hint }) => ` [${hint}]`).join("");
  const words = argument === undefined ? operandWords : ` ${argument.words.join("|")}`;
  return `unitwatch ${name}${words} [flags]`;
}

/** Returns the text of `unitwatch COMMAND --help`. */
export function commandHelp(command: Command): string {
  const { summary, description, flags, switches, shared, exitCodes, examples } = command;
  const own = Object.values(flags).map((flag: Flag<unknown>) =>
    flagParagraph(flag, flag.separator === undefined ? "" : "Repeatable."),
  );
  const common = shared.map((key) => flagParagraph(FLAGS[key], repeatNote(FLAGS[key].separator)));
  const codes = exitCodes.map(
    ({ code, meaning }) =>
      `  ${code.padEnd(CODE_WIDTH)}${wrapped(meaning, CODE_INDENT).trimStart()}`,
  );
  return [
    `usage: ${usage(command)}`,
    "",
    wrapped(`${summary}.`),
    ...description.flatMap((paragraph) => ["", wrapped(paragraph)]),
    "",
    "Flags:",
    ...switchParagraphs(switches),
    ...own,
    ...(common.length === 0 ? [] : ["", wrapped(SHARED), ...common]),
    "",
    "Exit codes:",
    ...codes,
    "",
    "Examples:",
    ...examples.flatMap(({ what, line }) => [`  ${what}`, `      ${line}`]),
    "",
  ].join("\n");
}

/** Returns a flag's name, help and default. */
function flagParagraph(flag: Flag<unknown>, repeat: string): string {
  const notes = repeat === "" ? [flag.help] : [flag.help, repeat];
  if (flag.emptyIsValue === true) notes.push("A variable that is set but empty is a value.");
  const lines = [`  --${flag.name}=${flag.hint}`, wrapped(notes.join(" "), INDENT)];
  if (flag.defaultText !== "") lines.push(`${INDENT}Default: ${flag.defaultText}`);
  return lines.join("\n");
}

/** Returns a paragraph for each flag without a value. */
function switchParagraphs(switches: Readonly<Record<string, string>>): string[] {
  return Object.entries(switches).map(([name, help]) => `  --${name}\n${wrapped(help, INDENT)}`);
}

/** Returns the text of `unitwatch --version`. */
export function versionText({ version, revision, nodeVersion, platform }: BuildInfo): string {
  return [
    `unitwatch ${version} (revision: ${revision})`,
    `  node version:     ${nodeVersion}`,
    `  platform:         ${platform}`,
    "",
  ].join("\n");
}

/** Returns how a flag and its variable are repeated; "" for a flag that can be given only once. */
export function repeatNote(separator: Separator | undefined): string {
  if (separator === undefined) return "";
  return separator === "comma"
    ? "Repeatable; in the variable, separated by commas or newlines."
    : "Repeatable; in the variable, one per line.";
}

/** Wraps text at 80 columns; a longer word gets a line of its own. */
function wrapped(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    const longer = line === indent ? `${line}${word}` : `${line} ${word}`;
    if (longer.length > WIDTH && line !== indent) {
      lines.push(line);
      line = `${indent}${word}`;
    } else {
      line = longer;
    }
  }
  return [...lines, line].join("\n");
}
