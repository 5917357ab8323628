import type { Shell } from "../commands.ts";
import { bashScript } from "./bash-script.ts";
import { completedCommands } from "./completed-flags.ts";
import { fishScript } from "./fish-script.ts";
import { zshScript } from "./zsh-script.ts";

const MAKERS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

/** Returns the shell's completion script, made from the tables of flags and commands. */
export function completionScript(shell: Shell): string {
  return MAKERS[shell](completedCommands());
}
