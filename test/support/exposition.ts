/** Sample of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Parsed scrape. */
export class Scrape {
  readonly samples: readonly Sample[];
  readonly text: string;

  constructor(samples: readonly Sample[], text: string) {
    this.samples = samples;
    this.text = text;
  }

  /** Returns the samples of this name that have these labels, among others. */
  select(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    const wanted = Object.entries(labels);
    return this.samples.filter(
      (sample) =>
        sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
    );
  }

  /** Returns the value of the only such sample; undefined if it is missing. @throws if there are several */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.select(name, labels);
    if (found.length > 1) {
      throw new Error(`${found.length} series match ${name}${JSON.stringify(labels)}`);
    }
    return found[0]?.value;
  }

  /** Returns the values of such samples by the value of one label, which must be unique. */
  by(
    label: string,
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Record<string, number> {
    const values: Record<string, number> = {};
    for (const sample of this.select(name, labels)) {
      const key = sample.labels[label] ?? "";
      if (key in values) throw new Error(`several series of ${name} have ${label}="${key}"`);
      values[key] = sample.value;
    }
    return values;
  }
}

const NAME = String.raw`[a-zA-Z_:][a-zA-Z0-9_:]*`;
const HELP = new RegExp(String.raw`^# HELP (${NAME}) ((?:[^\\]|\\[\\n])+)$`);
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram|summary|untyped)$`);
const SAMPLE = new RegExp(String.raw`^(${NAME})(?:\{(.+)\})? (\S+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\\n]*(?:\\[\\"n][^"\\\n]*)*)"(,(?=.)|$)/y;
const VALUE = /^(?:[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?|[+-]Inf|NaN)$/;
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

/**
 * Parses the text format 0.0.4 more strictly than specified: each family has HELP and TYPE, in this
 * order, right before its samples, which have no timestamps. @throws on anything else, and on a
 * repeated series
 */
export function parseExposition(text: string): Scrape {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const samples: Sample[] = [];
  const seen = new Set<string>();
  const claim = (what: string): void => {
    if (seen.has(what)) throw new Error(`twice: ${what}`);
    seen.add(what);
  };
  let help = "";
  let names: readonly string[] = [];
  let counter = false;

  for (const line of text.slice(0, -1).split("\n")) {
    const isComment = line.startsWith("#");
    const [, helped] = (isComment && HELP.exec(line)) || [];
    const [, typed, type = ""] = (isComment && TYPE.exec(line)) || [];
    if (helped !== undefined) {
      claim(`# HELP ${helped}`);
      help = helped;
      names = [];
    } else if (typed !== undefined) {
      if (typed !== help) throw new Error(`no HELP right before: ${line}`);
      claim(`# TYPE ${typed}`);
      names = (SUFFIXES[type] ?? [""]).map((suffix) => typed + suffix);
      counter = type === "counter";
    } else {
      const { sample, series } = parseSample(line);
      if (!names.includes(sample.name)) throw new Error(`not among its family: ${line}`);
      if (counter && !(sample.value >= 0)) throw new Error(`no value of a counter: ${line}`);
      claim(series);
      samples.push(sample);
    }
  }
  return new Scrape(samples, text);
}

/** Returns a sample, and a key of its name and labels that doesn't depend on the order of the labels. */
function parseSample(line: string): { readonly sample: Sample; readonly series: string } {
  const [, name, labelText = "", value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || value === undefined || !VALUE.test(value)) {
    throw new Error(`malformed: ${line}`);
  }
  const labels: Record<string, string> = {};
  const pairs: string[] = [];
  LABEL.lastIndex = 0;
  for (let at = 0; at < labelText.length; at = LABEL.lastIndex) {
    const [, label, escaped] = LABEL.exec(labelText) ?? [];
    if (label === undefined || escaped === undefined || label in labels) {
      throw new Error(`malformed labels: ${line}`);
    }
    labels[label] = escaped.includes("\\") ? unescaped(escaped) : escaped;
    pairs.push(`${label}="${escaped}"`);
  }
  return {
    sample: { name, labels, value: Number(value.replace("Inf", "Infinity")) },
    series: `${name} ${pairs.sort().join()}`,
  };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, char: string) => (char === "n" ? "\n" : char));
}
