import type { LabelSet } from "../domain/label-set.ts";

const MIN_CAPACITY = 256;

/** Source of a sample's line. */
export interface LineSource {
  /** undefined for the end of a family. An object stands for its text. */
  readonly labels: LabelSet | undefined;
  readonly value: number;
  /** Value of the one more label; undefined if it has none. */
  readonly extraValue: string | undefined;
}

/**
 * Index of a rendered text: the source and the position of each sample's line. Columns in place
 * of objects: there can be hundreds of thousands of lines.
 */
export class RenderedLines {
  /** See {@link LineSource}. */
  readonly labels: (LabelSet | undefined)[];
  readonly extraValues: (string | undefined)[];
  values: Float64Array;
  /** Where each line begins, and so where the one before it ends. */
  begins: Uint32Array;
  /** Where each line's value begins. */
  valueBegins: Uint32Array;
  /** First line of each family. */
  families: Map<string, number>;
  /** Lines, with the ends of families. */
  count: number;

  /** @param copied the index to copy. Default: an empty one */
  constructor(copied?: RenderedLines) {
    this.labels = copied?.labels.slice() ?? [];
    this.extraValues = copied?.extraValues.slice() ?? [];
    this.values = copied?.values.slice() ?? new Float64Array(MIN_CAPACITY);
    this.begins = copied?.begins.slice() ?? new Uint32Array(MIN_CAPACITY);
    this.valueBegins = copied?.valueBegins.slice() ?? new Uint32Array(MIN_CAPACITY);
    this.families = copied?.families ?? new Map<string, number>();
    this.count = copied?.count ?? 0;
  }

  /** Sets the line `at`, which is one of those that there are, or the next one. */
  set(at: number, { labels, value, extraValue }: LineSource): void {
    if (at === this.values.length) this.#grow();
    this.labels[at] = labels;
    this.extraValues[at] = extraValue;
    this.values[at] = value;
  }

  /** Drops the lines from `count` on. */
  cut(count: number): void {
    this.count = count;
    this.labels.length = count;
    this.extraValues.length = count;
  }

  #grow(): void {
    const size = 2 * this.values.length;
    const { values, begins, valueBegins } = this;
    this.values = new Float64Array(size);
    this.values.set(values);
    this.begins = new Uint32Array(size);
    this.begins.set(begins);
    this.valueBegins = new Uint32Array(size);
    this.valueBegins.set(valueBegins);
  }
}
