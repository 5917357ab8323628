/** One label's value as the text exposition format wants it between quotes. */
export function escapeLabelValue(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")
    : value;
}

/**
 * Labels that several series share, made once: as pairs for exporters, and as the text that stands
 * between the braces of the exposition format, escaped.
 */
export class LabelSet {
  readonly pairs: readonly (readonly [name: string, value: string])[];
  #text: string | undefined;

  constructor(pairs: readonly (readonly [name: string, value: string])[]) {
    this.pairs = pairs;
  }

  /** `container="a",node="b"`: no braces; "" for no labels. */
  get text(): string {
    this.#text ??= this.pairs
      .map(([name, value]) => `${name}="${escapeLabelValue(value)}"`)
      .join(",");
    return this.#text;
  }

  /** A new set: these labels, then `more`. */
  with(more: readonly (readonly [name: string, value: string])[]): LabelSet {
    return new LabelSet([...this.pairs, ...more]);
  }
}
