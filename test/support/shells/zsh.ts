import { globSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { unpackedPackage } from "../debian-command.ts";
import { missingCommands } from "../engine/packages.ts";
import type { CompletingShell, ShellOptions } from "./shell.ts";
import { terminalShell } from "./terminal-shell.ts";

/**
 * Starts the system's zsh, else Debian's.
 *
 * @param way loads the script from $fpath, or with `source`
 */
export async function startZsh(
  { script, bin, folder, env }: ShellOptions,
  way: "fpath" | "source" = "fpath",
): Promise<CompletingShell> {
  const { zsh, setup } = await findZsh();
  await writeFile(join(folder, way === "fpath" ? "_unitwatch" : "unitwatch.zsh"), script);
  await writeFile(
    join(folder, ".zshrc"),
    `
${setup}
fpath=(${folder} $fpath) path=(${bin} $path)
PS1='%% '
bindkey -e
setopt no_beep
LISTMAX=1000
autoload -Uz compinit
compinit -D -u
${way === "source" ? "source ./unitwatch.zsh" : ""}
compadd() {
  # Words that go into an array are not offered.
  if [[ " $* " == *" -"(O|A|D)" "* ]]; then builtin compadd "$@"; return; fi
  local -a hits
  builtin compadd -A hits "$@"
  (( $#hits )) && print -rl -- $hits >>${folder}/offers
  builtin compadd "$@"
}
write_line() { print -rn -- "$BUFFER" >${folder}/.line; mv ${folder}/.line ${folder}/line }
zle -N write_line
bindkey '^Xd' write_line
bindkey '^U' kill-whole-line
`,
  );
  const { PATH = "" } = process.env;
  const terminal = terminalShell(`${zsh} -d -i`, folder, { PATH, ZDOTDIR: folder, ...env });
  return Object.assign(terminal, {
    shows: (offer: string) => offer.replace(/^.*[/,]/, "").replaceAll(" ", String.raw`\ `),
  });
}

async function findZsh(): Promise<{ readonly zsh: string; readonly setup: string }> {
  if ((await missingCommands(["zsh"])).length === 0) return { zsh: "zsh", setup: "" };
  const [own, shared] = await Promise.all(
    ["zsh", "zsh-common"].map((each) => unpackedPackage(each)),
  );
  const [modules = ""] = globSync(`${own}/usr/lib/*/zsh/*.*/`);
  return {
    zsh: `${own}/bin/zsh`,
    setup: `module_path=(${modules})\nfpath=(${shared}/usr/share/zsh/functions/**/*(/))`,
  };
}
