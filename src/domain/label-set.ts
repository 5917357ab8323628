/** One label's value as the text exposition format wants it between quotes. */
export function escapeLabelValue(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    : value;
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
  #text: string | undefined;

  /** @param base the labels that come before `pairs` */
  constructor(pairs: readonly Pair[], base?: LabelSet) {
    this.#base = base;
    this.#own = pairs;
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

  /** A new set: these labels, then `more`. */
  with(more: readonly Pair[]): LabelSet {
    return new LabelSet(more, this);
  }
}
