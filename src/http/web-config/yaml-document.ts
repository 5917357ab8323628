import { LineCounter, parseDocument } from "yaml";
import { asError } from "../../platform/data/as-error.ts";
import { WebConfigError } from "./web-config.ts";

/**
 * Parses a YAML document into maps, lists, and strings for all scalars, so that a user's name or hash
 * never becomes a number or a boolean. Returns undefined for an empty document.
 *
 * @throws WebConfigError with the number of the line, and none of its text
 */
export function parseYaml(text: string): unknown {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    schema: "failsafe",
    lineCounter,
    prettyErrors: false,
  });
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    const { line } = lineCounter.linePos(problem.pos[0]);
    throw new WebConfigError(
      `line ${line} is invalid YAML: ${PROBLEMS[problem.code] ?? problem.code}`,
    );
  }
  try {
    // Throws for aliases that would expand beyond measure.
    return document.contents === null ? undefined : document.toJS({ mapAsMap: true });
  } catch (error) {
    throw new WebConfigError(`invalid YAML: ${asError(error).message}`, { cause: error });
  }
}

/** Texts for the codes of the parser. */
const PROBLEMS: Readonly<Record<string, string>> = {
  BAD_INDENT: "wrong indentation",
  BLOCK_AS_IMPLICIT_KEY: "a mapping within a line",
  DUPLICATE_KEY: "a duplicate key",
  MISSING_CHAR: "a character, such as a colon or a quote, is missing",
  MULTILINE_IMPLICIT_KEY: "a key of several lines",
  MULTIPLE_DOCS: "a second document",
  TAB_AS_INDENT: "a tab as indentation",
  TAG_RESOLVE_FAILED: "an unknown tag",
  UNEXPECTED_TOKEN: "something unexpected",
};
