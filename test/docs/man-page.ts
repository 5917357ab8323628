import { BUILD_INFO } from "../../src/config/build-info.ts";
import { COMMANDS } from "../../src/config/commands.ts";
import type { Command } from "../../src/config/commands.ts";
import { variableName } from "../../src/config/flag/flag.ts";
import type { Flag, Separator } from "../../src/config/flag/flag.ts";
import { FLAGS, SWITCHES } from "../../src/config/flags.ts";
import { bold, escaped, example, filled, italic, paragraph, section, tagged } from "./roff.ts";
import {
  DESCRIPTION,
  ENGINE_VARIABLES,
  EXAMPLES,
  EXIT_CODES,
  FILES,
  OTEL_VARIABLES,
  SERVICE_VARIABLES,
  SIGNALS,
} from "./man-text.ts";
import type { Entry } from "./man-text.ts";

const commands: readonly Command[] = Object.values(COMMANDS);

const SEVERAL: Readonly<Record<Separator, string>> = {
  comma: "Several are separated by commas or line ends.",
  newline: "Several come one a line.",
};

/** unitwatch(1), made from the tables of flags and commands. @param date such as `2026-11-26` */
export function manPage(date: string): string {
  return [
    String.raw`.\" Made by "UPDATE_DOCS=1 npm test -- test/docs" from the tables of flags and commands.`,
    `.TH UNITWATCH 1 ${date} "unitwatch ${BUILD_INFO.version}" "User Commands"`,
    ".ad l",
    section("NAME", String.raw`unitwatch \- watch containers, and systemd in them, by events`),
    section("SYNOPSIS", ...synopsis()),
    section("DESCRIPTION", ...separated(DESCRIPTION.map(paragraph))),
    section("COMMANDS", ...commands.flatMap(commandPart)),
    section("OPTIONS", ...options()),
    section("ENVIRONMENT", ...environment()),
    section("FILES", ...entries(FILES)),
    section("SIGNALS", ...entries(SIGNALS)),
    section(
      "EXIT STATUS",
      ...entries(EXIT_CODES),
      ".PP",
      paragraph("Commands have codes of their own, which are told with them."),
    ),
    section("EXAMPLES", ...examples(EXAMPLES)),
    section(
      "SEE ALSO",
      seeAlso("busctl", "docker", "journalctl", "podman", "systemctl", "systemd"),
    ),
    "",
  ].join("\n");
}

function synopsis(): string[] {
  const usages = [
    `${bold("unitwatch")} [${italic("flags")}]`,
    ...commands.map((command) => `${called(command)} [${italic("flags")}]`),
  ];
  return usages.flatMap((usage, at) => (at === 0 ? [usage] : [".br", usage]));
}

function called({ name, argument }: Command): string {
  const words = argument?.words.map(bold).join("|");
  return [bold(`unitwatch ${name}`), ...(words === undefined ? [] : [words])].join(" ");
}

function options(): string[] {
  return [
    paragraph(
      "A value follows its flag after = or as the next argument; one that begins with a dash needs the =. A flag wins over its variable, which wins over the default. An unknown flag or a value that makes no sense ends the start with one line that names it.",
    ),
    ...switchParts(SWITCHES),
    ...Object.values(FLAGS).map((flag) => flagPart(flag)),
  ];
}

function commandPart(command: Command): string[] {
  const { name, summary, description, flags, switches, shared, exitCodes } = command;
  const own: readonly Flag<unknown>[] = Object.values(flags);
  const common = shared.map((key) => bold(`--${FLAGS[key].name}`)).join(", ");
  return [
    `.SS "unitwatch ${escaped(name)}"`,
    paragraph(`${summary}.`),
    ...description.flatMap((text) => [".PP", paragraph(text)]),
    ...switchParts(switches),
    ...own.map((flag) => flagPart(flag)),
    ...(common === "" ? [] : [".PP", filled(`${escaped("From")} OPTIONS it has ${common}.`)]),
    ".PP",
    "It exits with:",
    ...exitCodes.map(({ code, meaning }) => tagged(bold(code), paragraph(meaning))),
    ".PP",
    "Examples:",
    ".PP",
    ...examples(command.examples),
  ];
}

function switchParts(switches: Readonly<Record<string, string>>): string[] {
  return Object.entries(switches).map(([name, help]) => tagged(bold(`--${name}`), paragraph(help)));
}

function flagPart({ name, hint, help, separator, defaultText }: Flag<unknown>): string {
  const tag = `${bold(`--${name}`)}=${italic(hint)}`;
  const text = separator === undefined ? help : `${help} Repeatable.`;
  if (defaultText === "") return tagged(tag, paragraph(text));
  return tagged(tag, paragraph(text), filled(`Default: ${escaped(defaultText)}`));
}

function environment(): string[] {
  const variables = Object.values(FLAGS).map((flag: Flag<unknown>) => {
    const { name, separator, emptyIsValue } = flag;
    const notes = [
      ...(separator === undefined ? [] : [SEVERAL[separator]]),
      ...(emptyIsValue === true ? ["Empty counts as a value."] : []),
    ];
    const text = [`${bold(`--${name}`)}.`, ...notes.map(escaped)].join(" ");
    return tagged(bold(variableName(name)), filled(text));
  });
  return [
    paragraph("A variable that is empty counts as not set, unless it is said otherwise."),
    '.SS "Of the flags"',
    ...variables,
    '.SS "Of the engine"',
    ...entries(ENGINE_VARIABLES),
    '.SS "Of OTLP"',
    paragraph(
      "These are the standard ones. Each that begins with OTEL_EXPORTER_OTLP_ is there for one signal too, and wins there: OTEL_EXPORTER_OTLP_LOGS_ENDPOINT, OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and so on. An endpoint for one signal is taken as it is; the one for all has /v1/logs and /v1/metrics appended.",
    ),
    ...entries(OTEL_VARIABLES),
    '.SS "Of systemd"',
    ...entries(SERVICE_VARIABLES),
  ];
}

function examples(all: readonly { readonly what: string; readonly line: string }[]): string[] {
  return separated(
    all.map(({ what, line }) => `${paragraph(what)}\n${example(...line.split("\n"))}`),
  );
}

function entries(all: readonly Entry[]): string[] {
  return all.map(({ names, text }) => tagged(names.map(bold).join(", "), paragraph(text)));
}

function seeAlso(...pages: readonly string[]): string {
  return pages.map((page, at) => `.BR ${page} (1)${at === pages.length - 1 ? "" : ","}`).join("\n");
}

function separated(parts: readonly string[]): string[] {
  return parts.flatMap((part, at) => (at === 0 ? [part] : [".PP", part]));
}
