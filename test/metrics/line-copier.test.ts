import { expect, test } from "@jest/globals";
import { LabelSet } from "../../src/domain/label-set.ts";
import { ExpositionWriter } from "../../src/metrics/exposition.ts";
import type { ExpositionFormat } from "../../src/metrics/exposition.ts";
import type { Rendered } from "../../src/metrics/line-copier.ts";
import { seededRandom } from "../support/seeded-random.ts";

interface Series {
  readonly labels: LabelSet;
  readonly value: number;
  readonly state?: string;
}

type Families = readonly (readonly Series[])[];

/** Renders families, with a copy of lines of the last rendering if there is one. */
function render(format: ExpositionFormat, families: Families, last?: Rendered): Rendered {
  const writer = new ExpositionWriter(format, { last });
  for (const [at, family] of families.entries()) {
    const type = at % 2 === 0 ? "counter" : "gauge";
    writer.family({ name: `m${at}_total`, type, help: "M.", countsSince: type === "counter" });
    for (const { labels, value, state } of family) {
      if (state === undefined) writer.sample(labels, value);
      else writer.sample(labels, value, "state", state);
    }
  }
  return writer.end();
}

/** Returns texts that are rendered after each other, and the same without a rendering before them. */
function renderedTwice(
  format: ExpositionFormat,
  renderings: Iterable<Families>,
): readonly (readonly [string, string])[] {
  let last: Rendered | undefined;
  return Iterator.from(renderings)
    .map((families) => {
      last = render(format, families, last);
      return [last.bytes.toString(), render(format, families).bytes.toString()] as const;
    })
    .toArray();
}

const SINCE = { containerId: "c", counting: { sinceNs: 1_500_000_000n } };

function labelsOf(name: string): LabelSet {
  return new LabelSet([["name", name]], SINCE);
}

const ROUNDS = 40;
const VALUES = [0, 1, 7, 12, 123_456, 2 ** 40, 1_767_225_601.125, -1, Number.NaN, Infinity];

/** Yields families whose series come, go and change, over and over. */
function* changes(seed: number): Generator<Families> {
  const below = seededRandom(seed);
  const value = (): number => VALUES[below(VALUES.length)] ?? 0;
  let made = 0;
  const series = (): Series => {
    made += 1;
    const labels = labelsOf(`ünit "${made}"`);
    return { labels, value: value(), ...(below(2) === 0 && { state: `s${below(3)}` }) };
  };
  const families: Series[][] = [[], [], [], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const family of families) {
      for (let change = below(12); change > 0; change -= 1) {
        const at = below(family.length + 1);
        const known = family[at];
        switch (below(5)) {
          case 0:
            family.splice(at, below(4));
            break;
          case 1:
            family.splice(at, 0, ...Array.from({ length: below(60) }, series));
            break;
          case 2:
            if (known !== undefined) family[at] = { ...known, state: `s${below(3)}` };
            break;
          case 3:
            if (known !== undefined) family[at] = { ...known, labels: labelsOf(`new ${round}`) };
            break;
          default:
            if (known !== undefined) family[at] = { ...known, value: value() };
        }
      }
      if (below(10) === 0) family.splice(0, below(family.length + 1));
    }
    yield families.map((family) => family.slice());
  }
}

test.each([
  ["text", 1],
  ["text", 2],
  ["openmetrics", 3],
  ["openmetrics", 4],
] as const)(
  "renders %s as without a rendering before, when series change by seed %d",
  (...args) => {
    const [format, seed] = args;
    const pairs = renderedTwice(format, changes(seed));
    expect(pairs).toHaveLength(ROUNDS);
    // Strings are compared faster than by Jest.
    expect(pairs.findIndex(([copied, fresh]) => copied !== fresh)).toBe(-1);
  },
);

test("renders all series when thousands are new, or have ended", () => {
  const many = Array.from({ length: 5_000 }, (_, at) => ({ labels: labelsOf(`${at}`), value: at }));
  const [first, last] = [many.slice(0, 1), many.slice(-1)];
  const pairs = renderedTwice("text", [
    [first],
    [many],
    [[...first, ...last]],
    [many],
    [many.toReversed()],
    [[]],
    // More families, and fewer.
    [many, many, first],
    [last, many],
  ]);
  expect(pairs.map(([copied, fresh]) => copied === fresh)).toEqual(pairs.map(() => true));
});

test("copies all lines of series that were there before, whatever their values", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => labelsOf(name));
  const before = [[a, b, c].map((labels) => ({ labels: labels!, value: 1 }))];
  const { lines, bytes } = render("openmetrics", before);
  // A copy has the text of the rendering before, even if no fresh one would.
  const marked = Buffer.from(bytes.toString().replaceAll("name=", "NAME="));
  const now = [
    [
      { labels: a!, value: 1 },
      { labels: d!, value: 4 },
      { labels: c!, value: 300 },
    ],
  ];
  const copied = render("openmetrics", now, { bytes: marked, lines }).bytes.toString();
  expect(copied.match(/^m0.*$/gm)).toEqual([
    'm0_total{NAME="a"} 1',
    'm0_created{NAME="a"} 1.5',
    'm0_total{name="d"} 4',
    'm0_created{name="d"} 1.5',
    'm0_total{NAME="c"} 300',
    'm0_created{NAME="c"} 1.5',
  ]);
});
