/** A word that source, logs and documentation don't use. */
export interface AvoidedWord {
  /** The word, as the glossary shows it. */
  readonly instead: string;
  /** The words in its place. */
  readonly write: string;
  /** Matches it in a line whose camelCase names are split into words. */
  readonly pattern: RegExp;
}

/** Words to avoid. The glossary has them as a table, and test/wording.test.ts rejects them. */
export const AVOIDED_WORDS: readonly AvoidedWord[] = [
  {
    instead: "tell, told",
    write: "emit, report, log, notify, print, commit, acknowledge",
    pattern: /\b(?:tell|tells|telling|told|untold)\b/i,
  },
  {
    instead: "what is, who is, where: the subject of a comment",
    write: "the noun itself",
    pattern:
      /^\s*(?:\/\*\*?|\/\/|#)\s+(?:What|Who|Whoever|Whatever|Whichever|Where (?:is|are|to))\b/,
  },
  {
    instead: "a stream stands",
    write: "a stream is open, established",
    pattern: /\bstream(?: that)? stands\b/i,
  },
  {
    instead: "asked about, asked for",
    write: "inspected, queried, requested",
    pattern: /\basked (?:about|for)\b/i,
  },
  {
    instead: "can't be had",
    write: "is unavailable",
    pattern: /\b(?:can|can't|cannot|could|couldn't|to) be had\b/i,
  },
  {
    instead: "is none",
    write: "is missing, absent, invalid",
    pattern: /(?<!there )\b(?:is|are|was|were) none\b/i,
  },
  { instead: "undefined where", write: "undefined if", pattern: /\bundefined:? where\b/i },
  { instead: "anew", write: "again", pattern: /\banew\b/i },
  {
    instead: "the endpoint takes, took",
    write: "the endpoint accepts, accepted",
    pattern: /\bendpoint (?:takes|took|has taken|doesn't take)\b/i,
  },
  {
    instead: "given up, refused for good",
    write: "dropped, rejected, cancelled",
    pattern: /\b(?:given|gives?|gave|giving) up\b|\brefused for good\b/i,
  },
  {
    instead: "is away, is back",
    write: "is down, has reconnected",
    pattern: /\b(?:is|are|was|were) (?:away|back)\b/,
  },
  { instead: "lives", write: "runs", pattern: /\blives\b/i },
  { instead: "deed", write: "action", pattern: /\bdeeds?\b/i },
  { instead: "mend", write: "fix", pattern: /\bmend(?:s|ed|ing)?\b/i },
  { instead: "reader", write: "client, subscriber", pattern: /(?<!screen )\breaders?\b/ },
  {
    instead: "somebody, nobody, whoever, whomever",
    write: "the caller, the user, no subscriber",
    pattern: /\b(?:somebody|nobody|whoever|whomever)\b/i,
  },
  {
    instead: "goodbye, news, owed, forgive, lend, let go",
    write: "graceful close, observe, pending, cancel, lease, release",
    pattern: /\b(?:goodbyes?|news|owed|forgiv(?:e|es|en|ing)|lends?|lent|let go)\b/i,
  },
  {
    instead: "lose(), leave()",
    write: "evict(), remove()",
    pattern: /[.#](?:lose|leave)\(/,
  },
  {
    instead: "ContainerLives, UnitLedger, Occasion, RecordLoans, TextRoom, HeldSink",
    write: "RunTracker, UnitCounters, Occurrence, InFlightBatch, ByteBuffer, BufferingSink",
    pattern: /\b(?:Container Lives|Unit Ledger|Occasion|Record Loans|Text Room|Held Sink)\b/,
  },
];

/** Returns a line with its camelCase names split into words. */
export function inWords(line: string): string {
  return line.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ");
}
