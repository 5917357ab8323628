import type { Completes } from "../flag/flag.ts";
import type { CompletedCommand, CompletedFlag } from "./completed-flags.ts";
import { CONTAINER_NAMES } from "./completed-flags.ts";

/**
 * Returns a script for bash 3.2 and newer, with or without bash-completion. readline breaks words at
 * the characters in COMP_WORDBREAKS, = and : among them, and replaces only the last part of a word:
 * the script joins the parts again, and omits the earlier ones from its replies.
 */
export function bashScript(commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).filter((name) => name !== "");
  return `# Completion of unitwatch in bash, by "unitwatch completion bash".

_unitwatch() {
  local IFS=$' \\t\\n' rest=\${COMP_LINE:0:COMP_POINT} word i n=-1 breaks= prefix= command= flag= value= kind= words= once=
  local -a line=()
  COMPREPLY=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i > 0)) && [[ $rest == [![:space:]]* ]]; then
      ((i < COMP_CWORD)) || word=$rest
      line[n]+=$word
    else
      rest=\${rest#"\${rest%%[![:space:]]*}"}
      ((i < COMP_CWORD)) || word=$rest
      n=$((n + 1))
      line[n]=$word
    fi
    rest=\${rest#"$word"}
  done
  ((n > 0)) || return 0
  local current=\${line[n]}
  [[ $COMP_WORDBREAKS != *=* ]] || breaks+==
  [[ $COMP_WORDBREAKS != *:* ]] || breaks+=:
  [[ -z $breaks ]] || prefix=\${current%"\${current##*[$breaks]}"}

  if ((n > 1)); then
    case \${line[1]} in
    ${names.join(" | ")}) command=\${line[1]} ;;
    esac
  fi
  if [[ $current == --*=* ]]; then
    flag=\${current%%=*} value=\${current#*=}
  elif [[ \${line[n - 1]} == --* && \${line[n - 1]} != *=* ]]; then
    flag=\${line[n - 1]} value=$current
  fi
  case "$command $flag" in
${valueCases(commands)}
  *)
    [[ $current != --*=* ]] || return 0
    flag= value=$current
    case "$command" in
${flagCases(commands, names)}
    esac
    ;;
  esac

  local before= replies=\${words// /$'\n'} reply
  [[ -z $flag || $current != --*=* ]] || before=$flag=
  # Drops the backslashes that quote; readline adds them again.
  [[ $kind != files && $kind != folders ]] || value=\${value//\\\\/}
  case $kind in
  containers) replies=$(${CONTAINER_NAMES}) ;;
  commands) replies=$(compgen -c -- "$value") ;;
  files) replies=$(compgen -f -- "$value") ;;
  folders) replies=$(compgen -d -- "$value") ;;
  any) before+=\${value%"\${value##*,}"} value=\${value##*,} ;;
  esac
  case $kind in
  files | folders) compopt -o filenames 2>/dev/null ;;
  any) compopt -o nospace 2>/dev/null ;;
  esac
  while IFS= read -r reply; do
    [[ -n $reply && $reply == "$value"* ]] || continue
    if [[ $kind == flags ]]; then
      # Skips a flag that is given already and can't be repeated.
      case " \${line[*]:1:n - 1} " in
      *" \${reply%=} "* | *" \${reply%=}="*) [[ " $once " != *" \${reply%=} "* ]] || continue ;;
      esac
      # Without compopt, as in bash 3.2, a space would follow the =.
      [[ $reply != *= ]] || compopt -o nospace 2>/dev/null || reply=\${reply%=}
    fi
    reply=$before$reply
    COMPREPLY+=("\${reply#"$prefix"}")
  done <<<"$replies"
}

complete -F _unitwatch unitwatch
`;
}

function valueCases(commands: readonly CompletedCommand[]): string {
  const cases = commands.flatMap(({ name, flags }) =>
    flags.flatMap(({ flag, value }) =>
      value === undefined ? [] : [`  "${name} ${flag}") ${valueWords(value.completes)} ;;`],
    ),
  );
  return cases.join("\n");
}

function valueWords(completes: Completes | undefined): string {
  switch (completes) {
    case undefined:
      return "return 0";
    case "file":
      return "kind=files";
    case "folder":
      return "kind=folders";
    case "command":
      return "kind=commands";
    case "container":
      return "kind=containers";
    default:
      return "anyOf" in completes
        ? `kind=any words="${completes.anyOf.join(" ")}"`
        : `kind=words words="${completes.join(" ")}"`;
  }
}

function flagCases(commands: readonly CompletedCommand[], names: readonly string[]): string {
  return commands
    .map(({ name, words, operands, flags }) => {
      const first = name === "" ? names : words;
      const place = name === "" ? 1 : 2;
      const typed = flags.map(({ flag, value }) => (value === undefined ? flag : `${flag}=`));
      const offered = `      kind=flags words="${typed.join(" ")}"`;
      return [
        `    "${name}")`,
        `      once="${flags
          .filter(isOnce)
          .map(({ flag }) => flag)
          .join(" ")}"`,
        ...(operands[0]?.completes === "container"
          ? [
              `      if ((n == ${place})) && [[ $current != -* ]]; then kind=containers`,
              `      else ${offered.trim()}`,
              "      fi",
            ]
          : first.length === 0
            ? [offered]
            : [
                `      if ((n == ${place})) && [[ $current != -* ]]; then words="${first.join(" ")}"`,
                `      else ${offered.trim()}`,
                "      fi",
              ]),
        "      ;;",
      ].join("\n");
    })
    .join("\n");
}

function isOnce({ value }: CompletedFlag): boolean {
  return value?.isRepeatable !== true;
}
