/** How runc and crun, Docker and podman say that there is no such command. */
const NO_SUCH_COMMAND =
  /executable file .*not found|(?<!fork\/)exec(?: format error|:? "?[^ "]+"?: (?:not found|permission denied|(?:stat [^:]+: )?no such file))/i;
/**
 * How they say that they couldn't run any command. They miss files of their own too, and podman takes
 * every missing file for the command.
 */
const CANNOT_RUN =
  /connection reset|\bOCI runtime\b|\brunc create\/exec\b|\bcrun: |\bsetns process\b/i;

/** Returns true if an engine says that the container lacks the command, or can't execute it. */
export function saysNoCommand(text: string): boolean {
  return NO_SUCH_COMMAND.test(text);
}

/** Returns true if an engine says that it failed itself. Ask {@link saysNoCommand} first. */
export function saysCannotRun(text: string): boolean {
  return CANNOT_RUN.test(text);
}
