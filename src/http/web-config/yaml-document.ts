import { asError } from "../../platform/data/as-error.ts";
import { WebConfigError } from "./web-config.ts";

/**
 * What a YAML document holds: maps, lists, and texts for all scalars, so that a user's name or hash
 * is never taken for a number or a truth value. Undefined for a document without anything in it.
 *
 * @throws WebConfigError naming the line, and none of its text
 */
export async function parseYaml(text: string): Promise<unknown> {
  // Only who has such a file pays for its parser.
  const { LineCounter, parseDocument } = await import("yaml");
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe",
    lineCounter,
    prettyErrors: false,
  });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0]);
    throw new WebConfigError(`line ${line} is no YAML: ${PROBLEMS[problem.code] ?? problem.code}`);
  }
  try {
    // Aliases that would grow beyond measure are an error here.
    return document.contents === null ? undefined : document.toJS({ mapAsMap: true });
  } catch (error) {
    throw new WebConfigError(`it is no YAML: ${asError(error).message}`, { cause: error });
  }
}

/** In words, for the codes that are no words by themselves. */
const PROBLEMS: Readonly<Record<string, string>> = {
  BAD_INDENT: "wrong indentation",
  BLOCK_AS_IMPLICIT_KEY: "a mapping within a line",
  DUPLICATE_KEY: "a key that stands there twice",
  MISSING_CHAR: "a character, such as a colon or a quote, is missing",
  MULTILINE_IMPLICIT_KEY: "a key of several lines",
  MULTIPLE_DOCS: "a second document",
  TAB_AS_INDENT: "a tab as indentation",
  TAG_RESOLVE_FAILED: "an unknown tag",
  UNEXPECTED_TOKEN: "something unexpected",
};
