import type { BuildInfo } from "./build-info.ts";
import { COMMANDS } from "./commands.ts";
import { variableName } from "./flag/flag.ts";
import type { Flag, Separator } from "./flag/flag.ts";
import { FLAGS, SWITCHES } from "./flags.ts";
import { OTEL_HELP } from "./otlp.ts";

const WIDTH = 80;
const INDENT = "      ";

/** What `--help` prints. */
export function helpText(): string {
  return [
    "usage: unitwatch [flags]",
    "       unitwatch COMMAND [flags]",
    "",
    wrapped(
      "Watches the systemd units inside containers, by events, and turns each change into Prometheus metrics and OpenTelemetry log records.",
    ),
    "",
    wrapped(
      `Every flag with a value has an environment variable: --docker.host is ${variableName("docker.host")}. A flag wins over its variable, which wins over the default; a variable that is empty counts as not set.`,
    ),
    "",
    "Commands, each with a --help of its own:",
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

/** A flag with what is to be known of it. */
export function flagParagraph(flag: Flag<unknown>, repeat: string): string {
  const notes = repeat === "" ? [flag.help] : [flag.help, repeat];
  if (flag.emptyIsValue === true) notes.push("A variable that is set but empty counts.");
  const lines = [`  --${flag.name}=${flag.hint}`, wrapped(notes.join(" "), INDENT)];
  if (flag.defaultText !== "") lines.push(`${INDENT}Default: ${flag.defaultText}`);
  return lines.join("\n");
}

/** Flags that take no value, a paragraph each. */
export function switchParagraphs(switches: Readonly<Record<string, string>>): string[] {
  return Object.entries(switches).map(([name, help]) => `  --${name}\n${wrapped(help, INDENT)}`);
}

/** The flags as a Markdown table, for the README. */
export function flagTable(): string {
  const rows = Object.values(FLAGS).map((flag: Flag<unknown>) => {
    const cells = [
      `\`--${flag.name}\``,
      `\`${variableName(flag.name)}\``,
      flag.defaultText === "" ? "" : `\`${flag.defaultText}\``,
      `${flag.help} ${repeatNote(flag.separator)}`.trimEnd(),
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`;
  });
  const switches = Object.entries(SWITCHES).map(
    ([name, help]) => `| \`--${name}\` | | | ${help} |`,
  );
  return [
    "| flag | variable | default | meaning |",
    "| --- | --- | --- | --- |",
    ...rows,
    ...switches,
    "",
  ].join("\n");
}

/** What `--version` prints. */
export function versionText({ version, revision, nodeVersion, platform }: BuildInfo): string {
  return [
    `unitwatch ${version} (revision: ${revision})`,
    `  node version:     ${nodeVersion}`,
    `  platform:         ${platform}`,
    "",
  ].join("\n");
}

/** How a flag is repeated that has a variable; "" for one that isn't. */
export function repeatNote(separator: Separator | undefined): string {
  if (separator === undefined) return "";
  return separator === "comma"
    ? "Repeatable; in the variable, separated by commas or line ends."
    : "Repeatable; in the variable, one a line.";
}

/** Text in lines of at most 80 columns, where its words allow it. */
export function wrapped(text: string, indent = ""): string {
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
