import { escapeHelp, escapeLabelValue, type LabelSet } from "../domain/label-set.ts";
import type { MetricDefinition } from "./metric.ts";
import { ByteBuffer, MAX_DECIMAL } from "../platform/data/byte-buffer.ts";

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

/** Returns a number as both formats write it. */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

/** Returns true for a whole number that `ByteBuffer.decimal` can write. */
function isShort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_DECIMAL;
}

/**
 * Writes metric families as text.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4) and OpenMetrics 1.0.
 */
export class ExpositionWriter {
  readonly #format: ExpositionFormat;
  readonly #out: ByteBuffer;
  #name = "";
  /** Name of the samples with the times of the family's counters; undefined if it has none. */
  #createdName: string | undefined;
  #samples = 0;
  /** Name of the last sample, and its position: most samples repeat the name just written. */
  #lastName: string | undefined;
  #lastLabels: LabelSet | undefined;
  #lastBegin = 0;
  #lastEnd = 0;
  /** Time of the last counter, in both units: those of a container share it. */
  #createdNs = 0n;
  #createdSeconds = 0;

  /** @param bytes memory to begin with; it belongs to the writer from now on */
  constructor(format: ExpositionFormat, bytes?: Buffer) {
    this.#format = format;
    this.#out = new ByteBuffer({ memory: bytes });
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

  /** Writes a sample of the family, with one more label if `extraName` is given. */
  readonly sample = (
    labels: LabelSet,
    value: number,
    extraName?: string,
    extraValue?: string,
  ): void => {
    this.named(this.#name, labels, value, extraName, extraValue);
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

  /** Writes a sample under a name of its own, such as `…_bucket`. Extra values need no escaping. */
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

  /** Returns the whole text as bytes, at the beginning of their ArrayBuffer. */
  end(): Buffer {
    if (this.#format === "openmetrics") this.#out.write("# EOF\n");
    return this.#out.written;
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
    if (isShort(value)) out.decimal(value);
    else out.write(formatValue(value));
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
