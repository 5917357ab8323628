/** Result of Tab at the end of a line. */
export interface Completed {
  /** Offers, sorted: only the name of a flag, only the value of a value. */
  readonly offers: readonly string[];
  /** Line after completion; undefined if the shell doesn't report it. */
  readonly line: string | undefined;
}

/** Real shell that has loaded the completion of unitwatch. */
export interface CompletingShell extends AsyncDisposable {
  complete(line: string): Promise<Completed>;
  /** Returns an offer as the shell displays it: zsh quotes it, and displays only its last part. */
  shows(offer: string): string;
  /** Output on its terminal or stderr. */
  readonly shown: string;
}

export interface ShellOptions {
  /** Completion script. */
  readonly script: string;
  /** Folder that precedes the system's on PATH. */
  readonly bin: string;
  /** Working folder, also for its own files. */
  readonly folder: string;
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Normalizes the offers of a shell. */
export function offersOf(words: readonly string[]): string[] {
  return [
    ...new Set(
      words.map((word) => word.replace(/^--[^=]+=(?=.)/, "").replace(/[= /]$/, "")).filter(Boolean),
    ),
  ].toSorted();
}
