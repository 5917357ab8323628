/**
 * config/completion: the scripts that complete unitwatch's command line in bash, zsh and fish.
 *
 * `completed-flags.ts` turns the tables of flags and commands into what shells need; each script is
 * made from that, so that a new flag is completed without a change here. May import `config/` and
 * `config/flag/`. The sidecar loads none of it.
 */
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
