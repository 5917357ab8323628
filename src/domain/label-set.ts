/** One label's value as the text exposition format wants it between quotes. */
export function escapeLabelValue(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    : value;
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

/**
 * Labels that several series share, made once: as pairs for exporters, and as the text that stands
 * between the braces of the exposition format, escaped.
 */
export class LabelSet {
  readonly pairs: readonly (readonly [name: string, value: string])[];
  /** Undefined where they belong to no container. */
  readonly origin: SeriesOrigin | undefined;
  #text: string | undefined;

  constructor(pairs: readonly (readonly [name: string, value: string])[], origin?: SeriesOrigin) {
    this.pairs = pairs;
    this.origin = origin;
  }

  /** `container="a",node="b"`: no braces; "" for no labels. */
  get text(): string {
    this.#text ??= this.pairs
      .map(([name, value]) => `${name}="${escapeLabelValue(value)}"`)
      .join(",");
    return this.#text;
  }

  /** A new set: these labels, then `more`; of the same origin, with a counting of its own if given. */
  with(more: readonly (readonly [name: string, value: string])[], counting?: Counting): LabelSet {
    const { origin } = this;
    return new LabelSet(
      [...this.pairs, ...more],
      origin === undefined || counting === undefined ? origin : { ...origin, counting },
    );
  }
}
