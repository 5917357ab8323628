const MAX_EXIT_CODE = 255;

/** An exit code as an event of the engine says it; undefined for what is none. */
export function parseExitCode(text: string | undefined): number | undefined {
  const code = Number(text ?? "");
  return text !== undefined &&
    text !== "" &&
    Number.isInteger(code) &&
    Math.abs(code) <= MAX_EXIT_CODE
    ? code
    : undefined;
}
