/** Escapes a HELP text for the text exposition format. */
export function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** Escapes a label's value, or a HELP text of OpenMetrics, for between quotes. */
export function escapeLabelValue(value: string): string {
  return /["\\\n]/.test(value) ? escapeHelp(value).replaceAll('"', '\\"') : value;
}

/** Since when something is counted. The same object stands for it as long as the counting goes on. */
export interface Counting {
  /** Unix nanoseconds by our clock; 0n where nobody kept it. */
  readonly sinceNs: bigint;
}

/** What exporters tell of series beside their labels. */
export interface SeriesOrigin {
  readonly containerId: string;
  readonly counting: Counting;
}

type Pair = readonly [name: string, value: string];

/**
 * Labels that several series share, made once: as pairs for exporters, and as the text that stands
 * between the braces of the exposition format, escaped. There is one for each unit of each container,
 * so what it shares with others it doesn't hold itself.
 */
export class LabelSet {
  readonly #base: LabelSet | undefined;
  readonly #own: readonly Pair[];
  /** Undefined where they belong to no container. */
  readonly origin: SeriesOrigin | undefined;
  #text: string | undefined;

  /** @param base the labels that come before `pairs` */
  constructor(pairs: readonly Pair[], origin?: SeriesOrigin, base?: LabelSet) {
    this.#base = base;
    this.#own = pairs;
    this.origin = origin;
  }

  get pairs(): readonly Pair[] {
    return this.#base === undefined ? this.#own : [...this.#base.pairs, ...this.#own];
  }

  /** `container="a",node="b"`: no braces; "" for no labels. */
  get text(): string {
    this.#text ??= this.pairs
      .map(([name, value]) => `${name}="${escapeLabelValue(value)}"`)
      .join(",");
    return this.#text;
  }

  /** A new set: these labels, then `more`; of the same origin, with a counting of its own if given. */
  with(more: readonly Pair[], counting?: Counting): LabelSet {
    const { origin } = this;
    const isOwn = origin !== undefined && counting !== undefined;
    return new LabelSet(more, isOwn ? { ...origin, counting } : origin, this);
  }
}
