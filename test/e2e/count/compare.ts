import type { JournalRecord, TestNode } from "../../support/engine/node.ts";
import type { Scrape } from "../../support/exposition.ts";
import type { ReceivedLog } from "../../support/otlp-receiver.ts";
import {
  countFailures,
  FAILURE_RESULT,
  type Failures,
  shownFailures,
  shownRestarts,
  type TrueFailure,
  trueFailureOf,
} from "../../support/truth.ts";
import type { LoadUnit } from "./load.ts";

/** Failures and restarts in a node's journal. */
export interface Truth {
  readonly failures: readonly TrueFailure[];
  readonly restarts: readonly TrueRestart[];
}

/** One line `Scheduled restart job`. */
export interface TrueRestart {
  readonly unit: string;
  /** NRestarts. */
  readonly number: number;
  /** Unix microseconds. */
  readonly timeUs: number;
}

/** MESSAGE_ID of a restart by Restart=; see systemd.journal-fields(7). */
const RESTART_SCHEDULED = "5eb03494b6584870a536b337290809b3";

export async function truthOf(node: TestNode): Promise<Truth> {
  const records = await node.syncedJournal(
    `MESSAGE_ID=${FAILURE_RESULT}`,
    `MESSAGE_ID=${RESTART_SCHEDULED}`,
  );
  const of = (id: string): JournalRecord[] => records.filter((each) => each["MESSAGE_ID"] === id);
  return {
    failures: of(FAILURE_RESULT).map(trueFailureOf),
    restarts: of(RESTART_SCHEDULED).map((record) => ({
      unit: String(record["UNIT"]),
      number: Number(record["N_RESTARTS"]),
      timeUs: Number(record["_SOURCE_REALTIME_TIMESTAMP"]),
    })),
  };
}

/** Returns the entries of `truth` that aren't in `before`. */
export function truthSince(truth: Truth, before: Truth): Truth {
  return {
    failures: truth.failures.slice(before.failures.length),
    restarts: truth.restarts.slice(before.restarts.length),
  };
}

/** Returns a line for each difference between a scrape and the truth. */
export function wrongCounters(truth: Truth, scrape: Scrape, container: string): string[] {
  return [
    ...differences(
      "failures",
      flat(countFailures(truth.failures)),
      flat(shownFailures(scrape, container)),
    ),
    ...differences("restarts", countRestarts(truth.restarts), shownRestarts(scrape, container)),
  ];
}

/** Returns a line for each difference between a container's log records and the truth. */
export function wrongRecords(
  truth: Truth,
  logs: readonly ReceivedLog[],
  container: string,
): string[] {
  const own = logs.filter(({ attributes }) => attributes["container.name"] === container);
  const logged = own
    .filter(({ eventName }) => eventName === "systemd.unit.failed")
    .map(failureOf)
    .sort((one, other) => one.timeUs - other.timeUs);
  const restarted = own
    .filter(({ eventName }) => eventName === "systemd.unit.restart")
    .map(({ attributes, timeNs }) => ({
      unit: String(attributes["systemd.unit.name"]),
      number: Number(attributes["systemd.service.restarts"]),
      timeUs: Number(timeNs / 1_000n),
    }));
  return [
    ...differences(
      "failure records",
      flat(countFailures(truth.failures)),
      flat(countFailures(logged)),
    ),
    ...unpaired(truth.failures, logged),
    ...wrongRestarts(truth.restarts, restarted),
    ...repeated(own),
  ];
}

/** Compares the numbers of each unit's restarts, without times, because their signals have none. */
function wrongRestarts(truth: readonly TrueRestart[], logged: readonly TrueRestart[]): string[] {
  return [...new Set([...truth, ...logged].map(({ unit }) => unit))].flatMap((unit) => {
    const numbersOf = (restarts: readonly TrueRestart[]): string =>
      restarts
        .filter((each) => each.unit === unit)
        .map(({ number }) => number)
        .toSorted((one, other) => one - other)
        .join(" ");
    const [expected, actual] = [numbersOf(truth), numbersOf(logged)];
    return expected === actual
      ? []
      : [`restart records: ${unit} has ${actual}\n    expected ${expected}`];
  });
}

function countRestarts(restarts: readonly TrueRestart[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { unit } of restarts) counts[unit] = (counts[unit] ?? 0) + 1;
  return counts;
}

/** Returns the failure records with another exit status than the unit's. */
export function wrongExitCodes(
  logs: readonly ReceivedLog[],
  container: string,
  units: readonly LoadUnit[],
): string[] {
  const codes = new Map(units.map(({ name, exitCode }) => [name, exitCode]));
  return logs.flatMap(({ eventName, attributes }) => {
    if (eventName !== "systemd.unit.failed" || attributes["container.name"] !== container)
      return [];
    const unit = String(attributes["systemd.unit.name"]);
    const [logged, expected] = [attributes["process.exit.code"], codes.get(unit)];
    if (logged === undefined || expected === undefined || logged === expected) return [];
    return [`${unit} exits with ${expected}, a record has ${Number(logged)}`];
  });
}

interface LoggedFailure extends TrueFailure {
  readonly recovered: boolean;
}

function failureOf({ attributes, timeNs }: ReceivedLog): LoggedFailure {
  return {
    unit: String(attributes["systemd.unit.name"]),
    result: textOf(attributes["systemd.service.result"]) ?? "unknown",
    timeUs: Number(timeNs / 1_000n),
    recovered: attributes["unitwatch.recovered"] === true,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Matches records with lines: systemd logs its line, then changes the state, so each cycle of a unit has one record. */
function unpaired(truth: readonly TrueFailure[], logged: readonly LoggedFailure[]): string[] {
  const wrong: string[] = [];
  for (const unit of new Set([...truth, ...logged].map((each) => each.unit))) {
    const lines = truth.filter((each) => each.unit === unit);
    const records = logged.filter((each) => each.unit === unit);
    for (const [index, line] of lines.entries()) {
      const endUs = lines[index + 1]?.timeUs ?? Number.POSITIVE_INFINITY;
      const own = records.filter(({ timeUs }) => timeUs >= line.timeUs && timeUs < endUs);
      if (own.length === 1) continue;
      const times = own.map(
        ({ timeUs, recovered }) => `+${timeUs - line.timeUs} µs${recovered ? ", recovered" : ""}`,
      );
      wrong.push(
        `${unit} failed at ${clock(line.timeUs)}: ${own.length} records (${times.join("; ")})`,
      );
    }
    const firstUs = lines[0]?.timeUs ?? Number.POSITIVE_INFINITY;
    for (const record of records.filter(({ timeUs }) => timeUs < firstUs)) {
      wrong.push(`${unit}: a record of a failure at ${clock(record.timeUs)} that never was`);
    }
  }
  return wrong;
}

function repeated(logs: readonly ReceivedLog[]): string[] {
  const seen = new Map<unknown, ReceivedLog>();
  const wrong: string[] = [];
  for (const log of logs) {
    const uid = log.attributes["log.record.uid"];
    const earlier = seen.get(uid);
    if (earlier === undefined) seen.set(uid, log);
    else {
      wrong.push(
        `the same uid: ${String(earlier.body)} (${clock(Number(earlier.timeNs / 1_000n))}) ` +
          `and ${String(log.body)} (${clock(Number(log.timeNs / 1_000n))})`,
      );
    }
  }
  return wrong;
}

/** Returns lines such as `loop.service exit-code is 3, expected 4`. */
function differences(
  what: string,
  expected: Readonly<Record<string, number>>,
  actual: Readonly<Record<string, number>>,
): string[] {
  return [...new Set([...Object.keys(expected), ...Object.keys(actual)])].sort().flatMap((key) => {
    const [wanted, got] = [expected[key] ?? 0, actual[key] ?? 0];
    return wanted === got ? [] : [`${what}: ${key} is ${got}, expected ${wanted}`];
  });
}

function flat(failures: Failures): Record<string, number> {
  return Object.fromEntries(
    Object.entries(failures).flatMap(([unit, results]) =>
      Object.entries(results).map(([result, count]) => [`${unit} ${result}`, count]),
    ),
  );
}

function clock(timeUs: number): string {
  return `${new Date(timeUs / 1_000).toISOString().slice(11, -1)}${String(timeUs % 1_000).padStart(3, "0")}`;
}
