import type { Completes } from "../flag/flag.ts";
import type { CompletedCommand, CompletedFlag } from "./completed-flags.ts";

/** Returns a script for fish 3. */
export function fishScript(commands: readonly CompletedCommand[]): string {
  const named = commands.filter(({ name }) => name !== "");
  return `# Completion of unitwatch in fish, by "unitwatch completion fish".

# Succeeds if the command is $argv[1]; "" stands for the sidecar.
function __unitwatch_in
    set -l words (commandline -opc)
    set -l command ""
    contains -- "$words[2]" ${named.map(({ name }) => name).join(" ")}; and set command $words[2]
    test "$command" = "$argv[1]"
end

# Succeeds if the word can be a command.
function __unitwatch_is_bare
    test (count (commandline -opc)) -eq 1
end

# Succeeds if the word follows command $argv[1].
function __unitwatch_wants_word
    __unitwatch_in $argv[1]; and test (count (commandline -opc)) -eq 2
end

function __unitwatch_containers
    set -l docker docker
    test -n "$UNITWATCH_DOCKER_COMMAND"; and set docker $UNITWATCH_DOCKER_COMMAND
    command -q $docker; or return
    command $docker ps --all --format "{{.Names}}" 2>/dev/null
end

# Completes a list of words separated by commas.
function __unitwatch_any_of
    set -l token (string replace -r -- '^--[^=]*=' '' (commandline -ct))
    set -l before (string match -r -- '^.*,' "$token")
    printf '%s\\n' "$before"$argv
end

complete -c unitwatch -e
complete -c unitwatch -f
${named.map(({ name, summary }) => `complete -c unitwatch -n __unitwatch_is_bare -a ${name} -d ${fishQuoted(summary)}`).join("\n")}
${commands.map(commandPart).join("\n")}
`;
}

function commandPart({ name, words, operands, flags }: CompletedCommand): string {
  const condition = fishQuoted(`__unitwatch_in ${name === "" ? '""' : name}`);
  const argument =
    words.length === 0
      ? []
      : [
          `complete -c unitwatch -n ${fishQuoted(`__unitwatch_wants_word ${name}`)} -a ${fishQuoted(words.join(" "))}`,
        ];
  const others =
    operands[0]?.completes === "container"
      ? [
          `complete -c unitwatch -n ${fishQuoted(`__unitwatch_wants_word ${name}`)} -a '(__unitwatch_containers)'`,
        ]
      : [];
  return [
    ...argument,
    ...others,
    ...flags.map((flag) => `complete -c unitwatch -n ${condition} ${flagPart(flag)}`),
  ].join("\n");
}

function flagPart({ flag, help, value }: CompletedFlag): string {
  const name = `-l ${flag.slice(2)} -d ${fishQuoted(help)}`;
  return value === undefined ? name : `${name} ${valuePart(value.completes)}`;
}

function valuePart(completes: Completes | undefined): string {
  switch (completes) {
    case undefined:
      return "-x";
    case "file":
      return "-rF";
    case "folder":
      return "-xa '(__fish_complete_directories)'";
    case "command":
      return "-xa '(__fish_complete_command)'";
    case "container":
      return "-xa '(__unitwatch_containers)'";
    default:
      return "anyOf" in completes
        ? `-xa ${fishQuoted(`(__unitwatch_any_of ${completes.anyOf.join(" ")})`)}`
        : `-xa ${fishQuoted(completes.join(" "))}`;
  }
}

/** Quotes text as one word of fish. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`;
}
