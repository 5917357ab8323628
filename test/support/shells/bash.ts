import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CompletingShell, ShellOptions } from "./shell.ts";
import { terminalShell } from "./terminal-shell.ts";

/**
 * Starts the system's bash, without bash-completion.
 *
 * @param setup command that runs before the script
 */
export async function startBash(
  { script, bin, folder, env }: ShellOptions,
  setup = "",
): Promise<CompletingShell> {
  const rc = join(folder, "bashrc");
  await writeFile(join(folder, "unitwatch.bash"), script);
  await writeFile(
    rc,
    `
PS1='$ ' HISTFILE= PATH=${bin}:$PATH
bind 'set bell-style none'
bind 'set completion-query-items 0'
bind 'set page-completions off'
${setup}
source unitwatch.bash
offer() { _unitwatch "$@"; printf '%s\\n' "\${COMPREPLY[@]}" >offers; }
complete -F offer unitwatch
write_line() { printf '%s' "$READLINE_LINE" >.line; mv .line line; }
bind -x '"\\C-xd": write_line'
`,
  );
  const { PATH = "" } = process.env;
  return terminalShell(`bash --noprofile --rcfile ${rc} -i`, folder, { PATH, ...env });
}
