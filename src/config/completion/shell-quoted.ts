/** Text as one word of a POSIX shell, as bash and zsh read it too. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command that names the containers of the engine, one a line; nothing where it can't. */
export const CONTAINER_NAMES =
  '"${UNITWATCH_DOCKER_COMMAND:-docker}" ps --all --format "{{.Names}}" 2>/dev/null';
