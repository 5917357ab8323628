import type { LabelSet } from "../domain/label-set.ts";
import type { MetricDefinition } from "./metric.ts";

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
  #room: Buffer;
  #bytes = 0;
  #text = "";
  #name = "";
  #samples = 0;

  /** @param room what to write into, as far as it reaches; the writer's from now on */
  constructor(format: ExpositionFormat, room: Buffer = NO_ROOM) {
    this.#format = format;
    this.#room = room;
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
    const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    const text = openMetrics ? escaped.replaceAll('"', '\\"') : escaped;
    this.#name = name;
    this.#text += `# HELP ${family} ${text}\n# TYPE ${family} ${type}\n`;
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
    let inner = labels;
    if (extraName !== undefined) {
      inner += `${inner === "" ? "" : ","}${extraName}="${extraValue ?? ""}"`;
    }
    this.#text +=
      inner === ""
        ? `${name} ${formatValue(value)}\n`
        : `${name}{${inner}} ${formatValue(value)}\n`;
    if (this.#text.length > PART_CHARS) this.#cut();
  }

  /** The whole text as bytes, at the beginning of their ArrayBuffer. */
  end(): Buffer {
    if (this.#format === "openmetrics") this.#text += "# EOF\n";
    this.#cut();
    return this.#room.subarray(0, this.#bytes);
  }

  #cut(): void {
    // Now and not at the end: what is put off would hold up everybody else in one go.
    const needed = this.#bytes + this.#text.length * MAX_BYTES_A_CHAR;
    if (needed > this.#room.length) {
      const room = Buffer.allocUnsafeSlow(Math.max(needed + PART_CHARS, 2 * this.#room.length));
      this.#room.copy(room, 0, 0, this.#bytes);
      this.#room = room;
    }
    this.#bytes += this.#room.write(this.#text, this.#bytes, "utf8");
    this.#text = "";
  }
}

const NO_ROOM = Buffer.alloc(0);
const PART_CHARS = 16 * 1024;
/** A character outside of the basic plane counts as two, and takes four. */
const MAX_BYTES_A_CHAR = 3;
