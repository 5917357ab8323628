import { createContext, Script } from "node:vm";

/** Stands in place of what a pattern matched. */
export const REDACTED = "[redacted]";
/** Time that the patterns have for one list of texts. */
const LIMIT_MS = 250;

/** Runs `work` with a limit of time. It has a context of its own, which takes 2 MB. */
interface Runner {
  readonly script: Script;
  readonly context: { work: () => void };
}

function openRunner(): Runner {
  const context = { work() {} };
  createContext(context);
  return { script: new Script("work()"), context };
}

/**
 * Replaces what patterns match. A pattern can take time exponential in the length of a text, so all of
 * them have {@link LIMIT_MS} for one list of texts; a text that isn't through by then is withheld.
 */
export class Redactor {
  readonly #patterns: readonly RegExp[];
  #runner: Runner | undefined;

  /** @param patterns global, and none matches the empty text */
  constructor(patterns: readonly RegExp[]) {
    // A replacement writes to its pattern, which may be frozen.
    this.#patterns = patterns.map(({ source, flags }) => new RegExp(source, flags));
  }

  /** Returns the texts with the matches replaced; undefined in place of one that is withheld. */
  redact(texts: readonly string[]): readonly (string | undefined)[] {
    if (this.#patterns.length === 0) return texts;
    const startMs = performance.now();
    const done: (string | undefined)[] = [];
    const runner = (this.#runner ??= openRunner());
    runner.context.work = () => {
      while (done.length < texts.length) {
        done.push(this.#replaced(texts[done.length] ?? ""));
      }
    };
    using _texts = { [Symbol.dispose]: () => (runner.context.work = () => {}) };
    while (done.length < texts.length) {
      const timeout = Math.ceil(LIMIT_MS - (performance.now() - startMs));
      if (timeout <= 0) return texts.map((_, at) => done[at]);
      try {
        runner.script.runInContext(runner.context, { timeout });
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
