import type { Completes } from "../flag/flag.ts";
import { CONTAINER_NAMES } from "./completed-flags.ts";
import type { CompletedCommand, CompletedFlag } from "./completed-flags.ts";

/** Returns a script for zsh 5, to autoload as `_unitwatch` or to source after compinit. */
export function zshScript(commands: readonly CompletedCommand[]): string {
  const named = commands.filter(({ name }) => name !== "");
  const list = named.map(({ name, summary }) => shellQuoted(`${name}:${escapedColons(summary)}`));
  const cases = named.map(({ name }) => name).join("|");
  return `#compdef unitwatch
# Completion of unitwatch in zsh, by "unitwatch completion zsh".

_unitwatch_containers() {
  local -a names
  names=(\${(f)"$(${CONTAINER_NAMES})"})
  compadd "$@" -a names
}

_unitwatch() {
  local command=
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    local -a commands
    commands=(
${list.map((line) => `      ${line}`).join("\n")}
    )
    _describe -t commands command commands
    return
  fi
  case $words[2] in
    (${cases})
      command=$words[2]
      shift words
      (( CURRENT-- ))
      ;;
  esac
  case $command in
${commands.map(commandCase).join("\n")}
  esac
}

if [[ $funcstack[1] == _unitwatch ]]; then
  _unitwatch "$@"
else
  compdef _unitwatch unitwatch
fi
`;
}

function commandCase({ name, words, hint, operands, flags }: CompletedCommand): string {
  const argument = words.length === 0 ? [] : [shellQuoted(`1:${hint}:(${words.join(" ")})`)];
  const others = operands.map((operand, at) =>
    shellQuoted(`${at + 1}:${operand.hint}:${action(operand.completes)}`),
  );
  const specs = [...flags.map(spec), ...argument, ...others];
  return [
    `    (${shellQuoted(name)})`,
    `      _arguments -S \\`,
    specs.map((text) => `        ${text}`).join(" \\\n"),
    "      ;;",
  ].join("\n");
}

/** Returns an argument of `_arguments`: `*--flag=[help]:HINT:action`. */
function spec({ flag, help, value }: CompletedFlag): string {
  const text = `[${help.replaceAll(/[[\]\\:]/g, String.raw`\$&`)}]`;
  if (value === undefined) return shellQuoted(`${flag}${text}`);
  const repeat = value.isRepeatable ? "*" : "";
  const hint = escapedColons(value.hint);
  return shellQuoted(`${repeat}${flag}=${text}:${hint}:${action(value.completes)}`);
}

function action(completes: Completes | undefined): string {
  switch (completes) {
    case undefined:
      return " ";
    case "file":
      return "_files";
    case "folder":
      return "_files -/";
    case "command":
      return "_command_names -e";
    case "container":
      return "_unitwatch_containers";
    default:
      return "anyOf" in completes
        ? `_sequence compadd - ${completes.anyOf.join(" ")}`
        : `(${completes.join(" ")})`;
  }
}

/** Quotes text as one word of zsh. */
function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function escapedColons(text: string): string {
  return text.replaceAll(/[:\\]/g, String.raw`\$&`);
}
