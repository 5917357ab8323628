import { escapeHelp, escapeLabelValue, type LabelSet } from "../domain/label-set.ts";
import type { MetricDefinition } from "./metric.ts";
import { ByteBuffer } from "../platform/data/byte-buffer.ts";

export type ExpositionFormat = "text" | "openmetrics";

/** Content types of the two formats, versions included. */
export const CONTENT_TYPES = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
} as const satisfies Record<ExpositionFormat, string>;

/** A number as both formats write it. */
export function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}

/**
 * Writes metric families as text.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4) and OpenMetrics 1.0.
 */
export class ExpositionWriter {
  readonly #format: ExpositionFormat;
  readonly #room: ByteBuffer;
  #name = "";
  #samples = 0;
  /** What the last sample was called, and where that stands: most have a name that was just written. */
  #lastName: string | undefined;
  #lastLabels = "";
  #lastBegin = 0;
  #lastEnd = 0;

  /** @param bytes what to write into, as far as it reaches; the writer's from now on */
  constructor(format: ExpositionFormat, bytes?: Buffer) {
    this.#format = format;
    this.#room = new ByteBuffer({ memory: bytes });
  }

  /** Samples written so far. */
  get samples(): number {
    return this.#samples;
  }

  /** Begins a family. */
  family(definition: Pick<MetricDefinition, "name" | "type" | "help">): void {
    const { name, type, help } = definition;
    const openMetrics = this.#format === "openmetrics";
    const family =
      openMetrics && type === "counter" && name.endsWith("_total") ? name.slice(0, -6) : name;
    const text = openMetrics ? escapeLabelValue(help) : escapeHelp(help);
    this.#name = name;
    this.#room.write(`# HELP ${family} ${text}\n# TYPE ${family} ${type}\n`);
  }

  /** One sample of the family, with one more label where `extraName` is given. */
  readonly sample = (
    labels: LabelSet,
    value: number,
    extraName?: string,
    extraValue?: string,
  ): void => {
    this.named(this.#name, labels.text, value, extraName, extraValue);
  };

  /** One sample under a name of its own, such as `…_bucket`. Extra values need no escaping. */
  named(
    name: string,
    labels: string,
    value: number,
    extraName?: string,
    extraValue?: string,
  ): void {
    this.#samples += 1;
    this.#writeName(name, labels);
    const room = this.#room;
    if (extraName !== undefined) {
      room.write(labels === "" ? "{" : ",");
      room.write(extraName);
      room.write('="');
      room.write(extraValue ?? "");
      room.write('"} ');
    } else {
      room.write(labels === "" ? " " : "} ");
    }
    if (Number.isInteger(value) && value >= 0 && value <= 9) room.byte(0x30 + value);
    else room.write(formatValue(value));
    room.write("\n");
  }

  /** The whole text as bytes, at the beginning of their ArrayBuffer. */
  end(): Buffer {
    if (this.#format === "openmetrics") this.#room.write("# EOF\n");
    return this.#room.written;
  }

  /** The sample's name and labels, as far as another label could follow. */
  #writeName(name: string, labels: string): void {
    const room = this.#room;
    if (labels === this.#lastLabels && name === this.#lastName) {
      room.repeat(this.#lastBegin, this.#lastEnd);
      return;
    }
    this.#lastName = name;
    this.#lastLabels = labels;
    this.#lastBegin = room.end;
    room.write(name);
    if (labels !== "") {
      room.write("{");
      room.write(labels);
    }
    this.#lastEnd = room.end;
  }
}
