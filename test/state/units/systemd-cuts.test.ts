import { expect, test } from "@jest/globals";
import type { UnitChange } from "../../../src/domain/change.ts";
import type { JournalEntry } from "../../../src/domain/systemd.ts";
import { Random } from "../../systemd/dbus/support/mutate.ts";
import { CutStream, type CutStreamOptions } from "../../support/systemd/cut-stream.ts";
import { failuresOf } from "../../support/systemd/recorded-state.ts";
import { type LifeKind, type LifeStep, UnitLife } from "../../support/systemd/unit-life.ts";

const START_NS = 1_800_000_000_000_000_000n;
const MS = 1_000_000n;
/** Cases of each mode: `UNITWATCH_CUT_CASES`, a multiple of 300. */
const CASES = Number(process.env["UNITWATCH_CUT_CASES"] ?? 600);
const CASES_PER_TEST = 300;
const FIRST_CASES = Array.from({ length: CASES / CASES_PER_TEST }, (_, i) => i * CASES_PER_TEST);
/** By then a last stream is open. */
const WATCHED_NS = 60_000n * MS;
const KINDS: readonly LifeKind[] = ["no restart", "restart", "direct restart"];

interface CaseOptions extends CutStreamOptions {
  /** True if the services only crash. */
  readonly crashesAlone?: boolean;
  /** True if systemd numbers some restarts twice: up to v252, when it is reloaded. */
  readonly repeatsRestarts?: boolean;
}

/**
 * Returns systemd's messages about some services that run side by side. If lines of the journal are
 * lost, those that run at the end crash once more, when all of it is watched.
 */
function runsOf(
  random: Random,
  { crashesAlone = false, repeatsRestarts = false, lostMs = 0 }: CaseOptions,
): { readonly steps: LifeStep[]; readonly endNs: bigint } {
  const lives = Array.from({ length: 1 + random.below(3) }, (_, i) => {
    const kind = random.pick(KINDS);
    const options = { kind, random, startNs: START_NS, crashesAlone, repeatsRestarts };
    const life = new UnitLife(`u${i}.service`, options);
    const things = 3 + random.below(15);
    for (let each = 0; each < things; each += 1) life.goOn();
    return life;
  });
  const endNs = lives.reduce((latest, { nowNs }) => (nowNs > latest ? nowNs : latest), 0n);
  for (const life of lostMs > 0 ? lives : []) {
    life.rest(endNs + WATCHED_NS);
    life.goOn();
  }
  const steps = lives.flatMap((life) => life.steps);
  return { steps: steps.sort((a, b) => Number(a.atNs - b.atNs)), endNs };
}

/** When a stream may be attached to for the first time: not within a change, of which it would see a half. */
function quietTime(steps: readonly LifeStep[], random: Random): bigint {
  const gaps = steps.slice(1).flatMap(({ atNs }, i) => {
    const before = steps[i]!.atNs;
    return atNs - before > 20n * MS ? [before + 10n * MS] : [];
  });
  return gaps.length === 0 ? START_NS - MS : random.pick(gaps.slice(0, 1 + gaps.length / 2));
}

/** Plays a random life over a stream with random cuts. */
function playedCase(
  seed: number,
  options: CaseOptions,
): { readonly stream: CutStream; readonly steps: LifeStep[] } {
  const random = new Random(seed);
  const { steps, endNs } = runsOf(random, options);
  const stream = new CutStream(steps, random, options);
  const span = (mostMs: number): bigint => BigInt(1 + random.below(mostMs)) * MS;
  let nowNs = START_NS - MS;
  // Without the journal only what was listed before can be compared.
  if (stream.hasEvidence) nowNs = START_NS + MS / 2n;
  else if (random.below(2) === 0) stream.coverFrom(nowNs);
  else nowNs = quietTime(steps, random);
  stream.miss(nowNs);
  if (stream.baselineNs > 0n) {
    nowNs += span(1_500);
    stream.miss(nowNs);
  }
  while (nowNs < endNs) {
    nowNs = stream.attach(nowNs);
    if (!stream.state.up) nowNs += span(1_000);
    else {
      nowNs += span(2_500);
      stream.listen(nowNs);
      if (random.below(4) === 0) stream.list(nowNs);
      stream.cut(nowNs);
      nowNs += span(random.below(2) === 0 ? 50 : 3_000);
    }
    stream.miss(nowNs);
  }
  do nowNs = stream.attach(nowNs) + MS;
  while (!stream.state.up);
  stream.listen(steps.at(-1)!.atNs);
  return { stream, steps };
}

/** Returns what was counted and emitted, and what it should be: a difference is a bug. */
function countedAndTrue(
  seed: number,
  options: CaseOptions = {},
): readonly [counted: unknown[], truth: unknown[]] {
  const { stream, steps } = playedCase(seed, options);
  const entries = steps.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  const truth = entries.filter(({ timeNs }) => timeNs > stream.baselineNs);
  const emitted = stream.changes.filter(
    (change): change is UnitChange =>
      change.kind === "unit.failed" || change.kind === "unit.restart",
  );
  // A record's identity.
  const runs = new Set(
    emitted.map(({ unit, run, timeNs, detail }) => `${unit} ${run || `${timeNs} ${detail}`}`),
  );
  const counted: unknown[] = [{ seed, emitted: emitted.length, runs: runs.size }];
  const expected: unknown[] = [{ seed, emitted: truth.length, runs: truth.length }];
  for (const [name, row] of new Map(steps.map((step) => [step.row.name, step.row]))) {
    const count = (kind: JournalEntry["kind"]): number =>
      truth.filter((entry) => entry.kind === kind && entry.unit === name).length;
    const unit = stream.state.units.get(name);
    const { activeState, subState } = unit ?? {};
    const failures = failuresOf(unit);
    counted.push({ seed, name, activeState, subState, failures, restarts: unit?.restarts });
    expected.push({ seed, ...row, failures: count("failure"), restarts: count("restart") });
  }
  return [counted, expected];
}

/** Losses of the journal: all lines of a while, or a share of them. */
function lossesOf(seed: number): CutStreamOptions {
  return seed % 2 === 0 ? { lostMs: 2_000 } : { lostPercent: 1 + (seed % 60) };
}

/** Plays cases and returns those counted wrong. It compares text: an assertion takes as long as a case. */
function wrongCases(first: number, optionsOf: (seed: number) => CaseOptions): unknown[] {
  const wrong: unknown[] = [];
  for (let seed = first; seed < first + CASES_PER_TEST; seed += 1) {
    const [counted, truth] = countedAndTrue(seed, optionsOf(seed));
    if (textOf(counted) !== textOf(truth)) wrong.push({ counted, truth });
  }
  return wrong;
}

function textOf(facts: unknown[]): string {
  return JSON.stringify(facts);
}

// The journal is the truth: each line about a failure or a restart is one, whatever reported it.
test.each(FIRST_CASES)(
  "counts what the journal has when the stream is cut anywhere: cases from %s on",
  (first) => {
    expect(wrongCases(first, () => ({}))).toEqual([]);
  },
);

// Each service counts its own restarts, and restarts after failures alone.
test.each(FIRST_CASES)(
  "counts what happened without a journal when services only crash: cases from %s on",
  (first) => {
    const options = { crashesAlone: true, hasJournal: false };
    expect(wrongCases(first, () => options)).toEqual([]);
  },
);

// The journal has lines of the other services.
test.each(FIRST_CASES)(
  "counts what happened where LogLevelMax= keeps lines of services out: cases from %s on",
  (first) => {
    const options = { crashesAlone: true, unlogged: ["u0.service"] };
    expect(wrongCases(first, () => options)).toEqual([]);
  },
);

// NRestarts and Result show what the lost lines were about.
test.each(FIRST_CASES)(
  "counts what happened when the journal loses lines of services that only crash: cases from %s on",
  (first) => {
    expect(wrongCases(first, (seed) => ({ crashesAlone: true, ...lossesOf(seed) }))).toEqual([]);
  },
);

// The time between two lines shows that there was no run between, since runs are shorter than RestartSec=.
test.each(FIRST_CASES)(
  "counts what happened when systemd numbers restarts twice and the journal loses lines: cases from %s on",
  (first) => {
    const options = { crashesAlone: true, repeatsRestarts: true };
    expect(wrongCases(first, (seed) => ({ ...options, ...lossesOf(seed) }))).toEqual([]);
  },
);
