import type { LabelSet } from "../domain/label-set.ts";
import type { ByteBuffer } from "../platform/data/byte-buffer.ts";
import { type LineSource, RenderedLines } from "./rendered-lines.ts";
import { writeValue } from "./sample-value.ts";

const LINE_END = 0x0a;
/** Bytes that are copied at once: well under a millisecond. */
const MAX_RUN_BYTES = 256 * 1024;
/** Lines among which a sample is searched; twice as many after each that was not found. */
const MIN_WINDOW = 64;
const NO_BYTES = Buffer.alloc(0);

/** A rendered text, and the index of its lines. */
export interface Rendered {
  readonly bytes: Buffer;
  readonly lines: RenderedLines;
}

/**
 * Copies lines from the rendering before: most series are still there, in the same order, and many have
 * the same value. Lines that follow each other there are copied together.
 *
 * It turns the index of that rendering into the index of the new one. That is done in place, for as long as
 * no line is overwritten that is still to be copied: then it goes on from a copy.
 */
export class LineCopier {
  readonly #out: ByteBuffer;
  readonly #lines: RenderedLines;
  readonly #bytes: Buffer;
  /** The index of the rendering before: `#lines` itself, or a copy. */
  #old: RenderedLines;
  readonly #oldFamilies: ReadonlyMap<string, number>;
  readonly #oldCount: number;
  /** Lines written. */
  #count = 0;
  /** Old line that the next sample should have. */
  #next = 0;
  #window = MIN_WINDOW;
  /** Lines that may be searched in vain: a rendering takes no longer than twice as many lines. */
  #searches: number;
  /** Bytes to copy next: `[from, to)`. */
  #from = 0;
  #to = 0;

  /** @param before the rendering before, if there is one. Its index belongs to the copier from now on */
  constructor(out: ByteBuffer, before?: Rendered) {
    const { bytes, lines } = before ?? { bytes: NO_BYTES, lines: new RenderedLines() };
    this.#out = out;
    this.#bytes = bytes;
    this.#lines = lines;
    this.#old = lines;
    this.#oldFamilies = lines.families;
    this.#oldCount = lines.count;
    this.#searches = lines.count;
    lines.families = new Map<string, number>();
  }

  /** Ends the family before, and begins another; its header is written next. */
  beginFamily(name: string): void {
    this.#endFamily();
    const first = this.#oldFamilies.get(name) ?? -1;
    const isThere = first >= this.#count || (first >= 0 && !this.#isInPlace);
    if (!isThere) this.#detach();
    this.#next = isThere ? first : this.#oldCount;
    this.#lines.families.set(name, this.#count);
    this.#window = MIN_WINDOW;
  }

  /** Writes the line of a sample. Returns false, and writes nothing, if there was no such line. */
  copy(labels: LabelSet, value: number, extraValue: string | undefined): boolean {
    const old = this.#old;
    let at = this.#next;
    if (old.labels[at] !== labels || old.extraValues[at] !== extraValue || at >= this.#oldCount) {
      at = this.#search(labels, extraValue);
      if (at < 0) return false;
    }
    this.#next = at + 1;
    const begin = old.begins[at]!;
    const valueBegin = old.valueBegins[at]!;
    const end = old.begins[at + 1]!;
    const isSame = old.values[at] === value;
    if (begin !== this.#to || begin - this.#from > MAX_RUN_BYTES) {
      this.flush();
      this.#from = begin;
    }
    const lines = this.#lines;
    const count = this.#count;
    const shift = this.#out.end - this.#from;
    // In place, a line that stays where it was is its own successor.
    if (!this.#isInPlace || count !== at) lines.set(count, { labels, value, extraValue });
    else if (!isSame) lines.values[count] = value;
    lines.begins[count] = begin + shift;
    lines.valueBegins[count] = valueBegin + shift;
    this.#count = count + 1;
    if (!isSame) {
      this.#to = valueBegin;
      this.flush();
      writeValue(this.#out, value);
      this.#from = this.#endOfValue(valueBegin);
    }
    this.#to = end;
    return true;
  }

  /** Adds a line that the caller has written from `begin` on. */
  add(source: LineSource, begin: number, valueBegin: number): void {
    const lines = this.#lines;
    const count = this.#count;
    if (count >= this.#next) this.#detach();
    lines.set(count, source);
    lines.begins[count] = begin;
    lines.valueBegins[count] = valueBegin;
    this.#count = count + 1;
  }

  /** Copies what is pending. The caller does so before it writes lines of its own. */
  flush(): void {
    if (this.#to > this.#from) this.#out.appendPart(this.#bytes, this.#from, this.#to);
    this.#from = 0;
    this.#to = 0;
  }

  /** Returns the index of the new rendering, after its last line. */
  end(): RenderedLines {
    this.#endFamily();
    this.#lines.cut(this.#count);
    return this.#lines;
  }

  #endFamily(): void {
    this.flush();
    // The end of the old family is overwritten at most.
    if (this.#next < this.#oldCount && this.#old.labels[this.#next] === undefined) this.#next += 1;
    const at = this.#out.end;
    this.add({ labels: undefined, value: 0, extraValue: undefined }, at, at);
  }

  get #isInPlace(): boolean {
    return this.#old === this.#lines;
  }

  /** Goes on from a copy of the old index, as far as there is more of it. */
  #detach(): void {
    if (this.#isInPlace && this.#count < this.#oldCount) this.#old = new RenderedLines(this.#lines);
  }

  #endOfValue(valueBegin: number): number {
    const bytes = this.#bytes;
    let at = valueBegin + 1;
    while (bytes[at] !== LINE_END) at += 1;
    return at;
  }

  /** Returns the sample's line after those of series that have ended; -1 if it has none. */
  #search(labels: LabelSet, extraValue: string | undefined): number {
    const old = this.#old;
    const limit = Math.min(this.#window, this.#searches);
    const end = Math.min(this.#next + limit, this.#oldCount);
    let at = this.#next;
    for (; at < end; at += 1) {
      const known = old.labels[at];
      if (known === undefined) break;
      if (known === labels && old.extraValues[at] === extraValue) {
        this.#window = MIN_WINDOW;
        return at;
      }
    }
    this.#searches -= at - this.#next;
    this.#window *= 2;
    return -1;
  }
}
