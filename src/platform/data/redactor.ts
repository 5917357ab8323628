import { createContext, Script } from "node:vm";

/** Stands in place of what a pattern matched. */
export const REDACTED = "[redacted]";
/** Time that the patterns have for one list of texts. */
const LIMIT_MS = 250;

/**
 * Replaces what patterns match. A pattern can take time exponential in the length of a text, so all of
 * them have {@link LIMIT_MS} for one list of texts; a text that isn't through by then is withheld.
 */
export class Redactor {
  readonly #patterns: readonly RegExp[];
  readonly #script = new Script("work()");
  readonly #work: { work: () => void } = { work() {} };

  /** @param patterns global, and none matches the empty text */
  constructor(patterns: readonly RegExp[]) {
    // A replacement writes to its pattern, which may be frozen.
    this.#patterns = patterns.map(({ source, flags }) => new RegExp(source, flags));
    createContext(this.#work);
  }

  /** Returns the texts with the matches replaced; undefined in place of one that is withheld. */
  redact(texts: readonly string[]): readonly (string | undefined)[] {
    if (this.#patterns.length === 0) return texts;
    const startMs = performance.now();
    const done: (string | undefined)[] = [];
    this.#work.work = () => {
      while (done.length < texts.length) {
        done.push(this.#replaced(texts[done.length] ?? ""));
      }
    };
    while (done.length < texts.length) {
      const timeout = Math.ceil(LIMIT_MS - (performance.now() - startMs));
      if (timeout <= 0) return texts.map((_, at) => done[at]);
      try {
        this.#script.runInContext(this.#work, { timeout });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw error;
        // The one that it was at.
        if (done.length < texts.length) done.push(undefined);
      }
    }
    return done;
  }

  #replaced(text: string): string {
    return this.#patterns.reduce((rest, pattern) => rest.replaceAll(pattern, REDACTED), text);
  }
}
