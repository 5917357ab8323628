/** What a shell makes of a line when Tab is pressed at its end. */
export interface Completed {
  /** What it offers, sorted: of a flag its name alone, of a value the value alone. */
  readonly offers: readonly string[];
  /** The line afterwards; undefined where the shell isn't asked for that. */
  readonly line: string | undefined;
}

/** A real shell that has read the completion of unitwatch. */
export interface CompletingShell extends AsyncDisposable {
  complete(line: string): Promise<Completed>;
  /** How it shows an offer: zsh quotes it, and has its last part alone. */
  shows(offer: string): string;
  /** All that came to its terminal, or to its stderr. */
  readonly shown: string;
}

export interface ShellOptions {
  /** The completion's script. */
  readonly script: string;
  /** Folder of commands that come before the system's. */
  readonly bin: string;
  /** Where it runs, and puts what it needs. */
  readonly folder: string;
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Offers as each shell has them, alike. */
export function offersOf(words: readonly string[]): string[] {
  return [
    ...new Set(
      words.map((word) => word.replace(/^--[^=]+=(?=.)/, "").replace(/[= /]$/, "")).filter(Boolean),
    ),
  ].toSorted();
}
