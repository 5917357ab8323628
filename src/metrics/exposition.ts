import { escapeHelp, escapeLabelValue, type LabelSet } from "../domain/label-set.ts";
import { ByteBuffer } from "../platform/data/byte-buffer.ts";
import { LineCopier, type Rendered } from "./line-copier.ts";
import type { MetricDefinition } from "./metric.ts";
import { writeValue } from "./sample-value.ts";

export type ExpositionFormat = "text" | "openmetrics";

/** Content types of the two formats, versions included. */
export const CONTENT_TYPES = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const satisfies Record<ExpositionFormat, string>;

/** Unit in which a family's name ends. */
const UNIT = /_(seconds|bytes)$/;

const LINE_END = 0x0a;
const OPEN = 0x7b;

/** Memory and text of earlier renderings, for the next one. */
export interface EarlierRenderings {
  /** Memory to begin with; it belongs to the writer from now on. Default: none. */
  readonly memory?: Buffer | undefined;
  /**
   * The last rendering in this format, to copy from. Its index belongs to the writer from now on, and its
   * bytes don't change until the writer has ended. Default: none.
   */
  readonly last?: Rendered | undefined;
}

/**
 * Writes metric families as text.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4) and OpenMetrics 1.0.
 */
export class ExpositionWriter {
  readonly #format: ExpositionFormat;
  readonly #out: ByteBuffer;
  readonly #copier: LineCopier;
  #name = "";
  /** Name of the samples with the times of the family's counters; undefined if it has none. */
  #createdName: string | undefined;
  #samples = 0;
  /** Name of the last sample, and its position: most samples repeat the name just written. */
  #lastName: string | undefined;
  #lastLabels: LabelSet | undefined;
  #lastBegin = 0;
  #lastEnd = 0;
  #lastValue = 0;
  /** Time of the last counter, in both units: those of a container share it. */
  #createdNs = 0n;
  #createdSeconds = 0;

  constructor(format: ExpositionFormat, { memory, last }: EarlierRenderings = {}) {
    this.#format = format;
    this.#out = new ByteBuffer({ memory });
    this.#copier = new LineCopier(this.#out, last);
  }

  /** Samples written so far, without those of times. */
  get samples(): number {
    return this.#samples;
  }

  /**
   * Begins a family.
   *
   * @param definition `countsSince` is true if its samples count since the `counting` of their labels
   */
  family(
    definition: Pick<MetricDefinition, "name" | "type" | "help"> & {
      readonly countsSince?: boolean | undefined;
    },
  ): void {
    const { name, type, help, countsSince = false } = definition;
    this.#name = name;
    this.#createdName = undefined;
    this.#copier.beginFamily(name);
    if (this.#format === "text") {
      this.#out.write(`# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`);
      return;
    }
    const isTotal = type === "counter" && name.endsWith("_total");
    const family = isTotal ? name.slice(0, -"_total".length) : name;
    if (countsSince && isTotal) this.#createdName = `${family}_created`;
    // OpenMetrics would require another name of such a counter.
    const shown = type === "counter" && !isTotal ? "unknown" : type;
    const [, unit] = UNIT.exec(family) ?? [];
    this.#out.write(`# HELP ${family} ${escapeLabelValue(help)}\n# TYPE ${family} ${shown}\n`);
    if (unit !== undefined) this.#out.write(`# UNIT ${family} ${unit}\n`);
  }

  /**
   * Writes a sample of the family, with one more label if `extraName` is given: that is the same for
   * all samples of the family that have one.
   */
  readonly sample = (
    labels: LabelSet,
    value: number,
    extraName?: string,
    extraValue?: string,
  ): void => {
    this.#samples += 1;
    const copier = this.#copier;
    if (copier.copy(labels, value, extraValue)) return;
    copier.flush();
    const begin = this.#out.end;
    this.#write(this.#name, labels, value, extraName, extraValue);
    copier.add({ labels, value, extraValue }, begin, this.#lastValue);
    if (this.#createdName === undefined) return;
    const sinceNs = labels.origin?.counting.sinceNs ?? 0n;
    if (sinceNs === 0n) return;
    if (sinceNs !== this.#createdNs) {
      this.#createdNs = sinceNs;
      this.#createdSeconds = Number(sinceNs / 1_000_000n) / 1_000;
    }
    this.#write(this.#createdName, labels, this.#createdSeconds, extraName, extraValue);
  };

  /** Writes since when own counters of these labels count, in OpenMetrics. */
  ownCreated(name: string, labels: LabelSet, seconds: number): void {
    if (this.#format === "text") return;
    this.#write(`${name.replace(/_total$/, "")}_created`, labels, seconds);
  }

  /**
   * Writes a sample under a name of its own, such as `…_bucket`, in a family of such samples alone. Extra values need no escaping.
   */
  named(
    name: string,
    labels: LabelSet,
    value: number,
    extraName?: string,
    extraValue?: string,
  ): void {
    this.#samples += 1;
    this.#write(name, labels, value, extraName, extraValue);
  }

  /** Returns the whole text, at the beginning of the ArrayBuffer of its bytes. */
  end(): Rendered {
    const lines = this.#copier.end();
    if (this.#format === "openmetrics") this.#out.write("# EOF\n");
    return { bytes: this.#out.written, lines };
  }

  #write(
    name: string,
    labels: LabelSet,
    value: number,
    extraName?: string,
    extraValue?: string,
  ): void {
    this.#writeName(name, labels);
    const out = this.#out;
    const isBare = labels.text === "";
    if (extraName !== undefined) {
      out.write(isBare ? "{" : ",");
      out.write(extraName);
      out.write('="');
      out.write(extraValue ?? "");
      out.write('"} ');
    } else {
      out.write(isBare ? " " : "} ");
    }
    this.#lastValue = out.end;
    writeValue(out, value);
    out.byte(LINE_END);
  }

  /** Writes the sample's name and labels, up to where another label can follow. */
  #writeName(name: string, labels: LabelSet): void {
    const out = this.#out;
    if (name === this.#lastName) {
      if (labels === this.#lastLabels) {
        out.repeat(this.#lastBegin, this.#lastEnd);
        return;
      }
      const begin = out.end;
      out.repeat(this.#lastBegin, this.#lastBegin + name.length);
      this.#lastBegin = begin;
    } else {
      this.#lastName = name;
      this.#lastBegin = out.end;
      out.write(name);
    }
    this.#lastLabels = labels;
    const { text, textBytes } = labels;
    if (text !== "") {
      out.byte(OPEN);
      out.writeSized(text, textBytes);
    }
    this.#lastEnd = out.end;
  }
}
