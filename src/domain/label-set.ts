/** Escapes a HELP text for the text exposition format. */
export function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** Escapes a label's value, or a HELP text of OpenMetrics, for between quotes. */
export function escapeLabelValue(value: string): string {
  return /["\\\n]/.test(value) ? escapeHelp(value).replaceAll('"', '\\"') : value;
}

/** Identifies what a series counts. It is the same object for as long as that count continues. */
export interface Counting {
  /** When counting began: Unix nanoseconds by our clock; 0n if unknown. */
  readonly sinceNs: bigint;
}

/** Facts about a series that exporters need beside its labels. */
export interface SeriesOrigin {
  /** undefined for the host. */
  readonly containerId: string | undefined;
  readonly counting: Counting;
}

type Pair = readonly [name: string, value: string];

/**
 * Labels that several series share: as pairs for exporters, and as the escaped text between the
 * braces of the exposition format, made once. There is one for each unit of each container, so it
 * holds its own labels alone and refers to its base for the rest.
 */
export class LabelSet {
  readonly #base: LabelSet | undefined;
  readonly #own: readonly Pair[];
  /** undefined if they belong to no container. */
  readonly origin: SeriesOrigin | undefined;
  #text: string | undefined;
  /** 0 until it is known, and for no labels. */
  #textBytes = 0;

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

  /** Length of `text` in UTF-8. */
  get textBytes(): number {
    if (this.#textBytes === 0) this.#textBytes = Buffer.byteLength(this.text);
    return this.#textBytes;
  }

  /** Returns a new set: these labels, then `more`; of the same origin, with its own counting if given. */
  with(more: readonly Pair[], counting?: Counting): LabelSet {
    const { origin } = this;
    const isOwn = origin !== undefined && counting !== undefined;
    return new LabelSet(more, isOwn ? { ...origin, counting } : origin, this);
  }
}
