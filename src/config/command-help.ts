import type { Command } from "./commands.ts";
import { variableName } from "./flag/flag.ts";
import type { Flag } from "./flag/flag.ts";
import { FLAGS } from "./flags.ts";
import { flagParagraph, repeatNote, switchParagraphs, wrapped } from "./help.ts";

const CODE_WIDTH = 8;
const CODE_INDENT = " ".repeat(CODE_WIDTH + 2);

const SHARED = wrapped(
  `Flags that unitwatch itself has too, with their environment variables: --docker.host is ${variableName("docker.host")}.`,
);

/** How a command is written: `unitwatch wait [flags]`. */
export function usage({ name, argument }: Command): string {
  const words = argument === undefined ? "" : ` ${argument.words.join("|")}`;
  return `unitwatch ${name}${words} [flags]`;
}

/** What `--help` prints after a command. */
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
    ...(common.length === 0 ? [] : ["", SHARED, ...common]),
    "",
    "Exit codes:",
    ...codes,
    "",
    "Examples:",
    ...examples.flatMap(({ what, line }) => [`  ${what}`, `      ${line}`]),
    "",
  ].join("\n");
}
