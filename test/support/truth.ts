/**
 * The truth, from the engine's and systemd's own tools, and the values of a scrape in the same form,
 * for `expect(shown…).toEqual(true…)`.
 */
import type { TestContainer } from "./engine/container.ts";
import type { JournalRecord, TestNode } from "./engine/node.ts";
import type { Scrape } from "./exposition.ts";

export interface ContainerTruth {
  readonly status: string;
  /** Unix microseconds; undefined if it never started. */
  readonly startedUs: number | undefined;
  readonly exitedUs: number | undefined;
  /** Undefined while it runs: the engine resets it. */
  readonly exitCode: number | undefined;
}

export async function trueContainer(container: TestContainer): Promise<ContainerTruth> {
  const { State } = await container.inspect();
  return {
    status: State.Status,
    startedUs: microseconds(State.StartedAt),
    exitedUs: microseconds(State.FinishedAt),
    exitCode: State.Status === "exited" ? State.ExitCode : undefined,
  };
}

export function shownContainer(scrape: Scrape, container: string): ContainerTruth {
  const time = (name: string): number | undefined => {
    const seconds = scrape.value(name, { container });
    return seconds === undefined ? undefined : Math.round(seconds * 1e6);
  };
  const status = onlyOne(scrape.by("state", "container_state_status", { container }));
  const exitCode = scrape.value("container_last_exit_code", { container });
  return {
    status,
    exitCode: status === "exited" ? exitCode : undefined,
    startedUs: time("container_start_time_seconds"),
    exitedUs: time("container_last_exit_time_seconds"),
  };
}

/** State of a node's systemd. */
export interface SystemdTruth {
  readonly systemState: string;
  readonly version: string;
  /** ActiveState of the shown units. */
  readonly states: Readonly<Record<string, string>>;
  /** Unix microseconds since when active units are active; 0 for others. */
  readonly activeUs: Readonly<Record<string, number>>;
  /** Number of units in each ActiveState, hidden units included. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Default of `--systemd.unit-exclude`. */
const NOT_SHOWN = /\.(automount|device|mount|scope|slice|swap)$/;

/** States that always have a count. */
const STATES = ["active", "activating", "deactivating", "failed", "inactive"] as const;

/** Script whose output {@link trueSystemd} parses. */
const SCRIPT = `
systemctl show --property=Version --value
systemctl is-system-running
systemctl list-units --all --output=json
systemctl show --timestamp=us+utc --property=Id --property=ActiveEnterTimestamp '*'`;

export async function trueSystemd(node: TestNode): Promise<SystemdTruth> {
  const answer = await node.exec(["sh", "-c", SCRIPT]);
  const [version = "", systemState = "", json = "", ...properties] = answer.split("\n");
  const all = JSON.parse(json) as {
    readonly unit: string;
    readonly load: string;
    readonly active: string;
  }[];
  // A name that systemd doesn't find is no unit.
  const rows = all.filter(({ load }) => load !== "not-found");
  const shown = rows.filter(({ unit }) => !NOT_SHOWN.test(unit));

  const counts: Record<string, number> = Object.fromEntries(STATES.map((state) => [state, 0]));
  for (const { active } of rows) counts[active] = (counts[active] ?? 0) + 1;

  const times = new Map<string, number>();
  for (const block of properties.join("\n").split("\n\n")) {
    const [, id = ""] = /^Id=(.*)$/m.exec(block) ?? [];
    const [, day, time, us] =
      /^ActiveEnterTimestamp=\w+ (\S+) (\S+)\.(\d{6}) UTC$/m.exec(block) ?? [];
    if (us !== undefined) times.set(id, Date.parse(`${day}T${time}Z`) * 1000 + Number(us));
  }
  // Some units exist from the beginning and have no time.
  const activeUs = shown.flatMap(({ unit, active }) => {
    const timeUs = active === "active" ? times.get(unit) : 0;
    return timeUs === undefined ? [] : [[unit, timeUs] as const];
  });
  return {
    version,
    systemState,
    states: Object.fromEntries(shown.map(({ unit, active }) => [unit, active])),
    activeUs: Object.fromEntries(activeUs),
    counts,
  };
}

/** @param of container, or the labels that select the host */
export function shownSystemd(
  scrape: Scrape,
  of: string | Readonly<Record<string, string>>,
): SystemdTruth {
  const where = typeof of === "string" ? { container: of } : of;
  const byUnit = new Map<string, Record<string, number>>();
  for (const { labels, value } of scrape.select("systemd_unit_state", where)) {
    const { name = "", type, state = "" } = labels;
    if (!name.endsWith(`.${type}`)) throw new Error(`${name} is not a ${type}`);
    byUnit.set(name, { ...byUnit.get(name), [state]: value });
  }
  const started = scrape.by("name", "systemd_unit_start_time_seconds", where);
  return {
    version: onlyOne(scrape.by("version", "systemd_version", where)),
    systemState: onlyOne(scrape.by("state", "systemd_system_state", where)),
    states: Object.fromEntries([...byUnit].map(([name, values]) => [name, onlyOne(values)])),
    activeUs: Object.fromEntries(
      Object.entries(started).map(([name, seconds]) => [name, Math.round(seconds * 1e6)]),
    ),
    counts: scrape.by("state", "systemd_units", where),
  };
}

/** Failures by unit and Result: `{ "a.service": { "exit-code": 2 } }`. */
export type Failures = Record<string, Record<string, number>>;

/** MESSAGE_ID of a failed unit, with UNIT_RESULT; see systemd.journal-fields(7). */
export const FAILURE_RESULT = "d9b373ed55a64feb8242e02dbe79a49c";

/** One line `Failed with result …`. */
export interface TrueFailure {
  readonly unit: string;
  readonly result: string;
  /** Unix microseconds. */
  readonly timeUs: number;
}

/** Returns the failures in the journal, oldest first. */
export async function trueFailures(node: TestNode): Promise<TrueFailure[]> {
  return (await node.journal(`MESSAGE_ID=${FAILURE_RESULT}`)).map(trueFailureOf);
}

export function trueFailureOf(record: JournalRecord): TrueFailure {
  return {
    unit: String(record["UNIT"]),
    result: String(record["UNIT_RESULT"]),
    timeUs: Number(record["_SOURCE_REALTIME_TIMESTAMP"]),
  };
}

export function countFailures(failures: readonly Omit<TrueFailure, "timeUs">[]): Failures {
  const counts: Failures = {};
  for (const { unit, result } of failures) {
    const ofUnit = (counts[unit] ??= {});
    ofUnit[result] = (ofUnit[result] ?? 0) + 1;
  }
  return counts;
}

export function shownFailures(scrape: Scrape, container: string): Failures {
  const counts: Failures = {};
  for (const { labels, value } of scrape.select("systemd_unit_failures_total", { container })) {
    const { name = "", result = "" } = labels;
    counts[name] = { ...counts[name], [result]: value };
  }
  return counts;
}

/** Returns the restarts by Restart= of each service that had one. */
export function shownRestarts(scrape: Scrape, container: string): Record<string, number> {
  const all = Object.entries(scrape.by("name", "systemd_service_restart_total", { container }));
  return Object.fromEntries(all.filter(([, count]) => count > 0));
}

/** Returns the key of the only 1 among zeros. */
function onlyOne(values: Readonly<Record<string, number>>): string {
  const ones = Object.keys(values).filter((key) => values[key] === 1);
  const zeros = Object.keys(values).filter((key) => values[key] === 0);
  const [one] = ones;
  if (one === undefined || ones.length > 1 || zeros.length + 1 < Object.keys(values).length) {
    throw new Error(`expected exactly one 1: ${JSON.stringify(values)}`);
  }
  return one;
}

/** Parses `2026-11-22T11:23:31.713123456Z`. Year 1 means that it never happened. */
function microseconds(rfc3339: string): number | undefined {
  if (rfc3339.startsWith("0001-")) return undefined;
  const [, toSeconds = "", fraction = "", zone = ""] =
    /^(.+:\d\d)(?:\.(\d+))?(Z|[+-].+)$/.exec(rfc3339) ?? [];
  return Date.parse(toSeconds + zone) * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6));
}
