/**
 * Units whose runs write down how they end: that is the truth to compare with. The journal isn't: PID 1
 * drops lines when journald is slow, and a node may have no journal.
 */
import type { Scrape } from "../support/exposition.ts";
import { type Failures, shownFailures, shownRestarts } from "../support/truth.ts";

const NO_LIMIT = "[Unit]\nStartLimitIntervalSec=0\n";
/** Commands that stop the unit let a run end in its own way. */
const WRITES = (code: number): string =>
  `ExecStart=/bin/sh -c 'trap "" TERM; sleep 0.05; echo exit-code >>"/runs/%n"; exit ${code}'\n`;
/** systemd itself says how a run ended that something else ends. */
const REPORTS = `ExecStopPost=/bin/sh -c 'echo "$$SERVICE_RESULT" >>"/runs/%n"'\n`;
const SLEEPS = "ExecStart=sleep infinity\n";

/** Services that fail again and again by themselves. */
const LOOPS: Readonly<Record<string, string>> = {
  // A re-execution within a shorter RestartSec makes systemd's own NRestarts inexact.
  ...Object.fromEntries(
    [1, 2, 3].map((index) => [
      `loop-${index}.service`,
      `${NO_LIMIT}[Service]\n${WRITES(10 + index)}Restart=on-failure\nRestartSec=${0.8 + index / 10}\n`,
    ]),
  ),
  "before.service": `${NO_LIMIT}[Service]\nExecStartPre=/bin/false\n${SLEEPS}${REPORTS}Restart=on-failure\nRestartSec=900ms\n`,
  "watchdog.service": `${NO_LIMIT}[Service]\n${SLEEPS}${REPORTS}WatchdogSec=700ms\nRestart=on-watchdog\nRestartSec=800ms\n`,
  "late.service": `${NO_LIMIT}[Service]\nType=notify\nTimeoutStartSec=500ms\n${SLEEPS}${REPORTS}Restart=on-failure\nRestartSec=1s\n`,
};

const DIRECT = `${NO_LIMIT}[Service]\n${WRITES(20)}Restart=on-failure\nRestartMode=direct\nRestartSec=1s\n`;

/** Services that faults kill. */
export const VICTIMS = ["victim-1.service", "victim-2.service"] as const;
const VICTIM = `${NO_LIMIT}[Service]\n${SLEEPS}${REPORTS}Restart=always\nRestartSec=800ms\n`;

/** Service that each start makes fail. */
export const ONCE = "once.service";

/** Loops of a slow machine, which can't start a process in the time limits of the others. */
const FEW_LOOPS = ["loop-1.service", "before.service"] as const;

/** A node in which commands run: of an engine, or of a host without one. */
interface CommandNode {
  readonly name: string;
  exec(command: readonly string[], options?: { readonly input?: string }): Promise<string>;
}

/** Returns the units by name. RestartMode=direct is new in systemd 254. */
export function runUnits(
  systemd: number,
  { few }: { readonly few: boolean },
): Readonly<Record<string, string>> {
  const loops = Object.entries(LOOPS).filter(
    ([name]) => !few || (FEW_LOOPS as readonly string[]).includes(name),
  );
  return {
    ...Object.fromEntries(loops),
    ...(systemd >= 254 ? { "direct.service": DIRECT } : {}),
    ...Object.fromEntries(VICTIMS.map((name) => [name, VICTIM])),
    [ONCE]: `${NO_LIMIT}[Service]\nType=oneshot\n${WRITES(30)}`,
  };
}

const WRITE = `
mkdir -p /runs
cd /etc/systemd/system
while IFS= read -r name; do
  IFS= read -r text
  printf '%b' "$text" >"$name"
done
systemctl daemon-reload`;

/** Writes the units, and a target that keeps them loaded: NRestarts of others is forgotten. */
export function writeRunUnits(
  node: CommandNode,
  units: Readonly<Record<string, string>>,
): Promise<void> {
  const target = `[Unit]\nWants=${Object.keys(units).join(" ")}\n`;
  return writeUnits(node, { ...units, "runs.target": target });
}

/** Writes units by one command, which takes seconds in a virtual machine, and reloads systemd. */
export async function writeUnits(
  node: CommandNode,
  units: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(units).flatMap(([name, text]) => [
    name,
    text.replaceAll("\n", String.raw`\n`),
  ]);
  await node.exec(["sh", "-c", WRITE], { input: `${lines.join("\n")}\n` });
}

/** Ends of the runs by unit and Result, and restarts by unit. */
export interface RunTruth {
  readonly failures: Failures;
  readonly restarts: Readonly<Record<string, number>>;
}

/** Begins a new phase: forgets earlier runs, and sets NRestarts to 0. */
export async function forgetRuns(node: CommandNode, units: readonly string[]): Promise<void> {
  // A unit that isn't loaded has none.
  const script = 'rm -f /runs/*; systemctl reset-failed -- "$@" 2>/dev/null || true';
  await node.exec(["sh", "-c", script, "sh", ...units]);
}

const READ = `
cd /runs
for name in *; do [ -e "$name" ] && sort "$name" | uniq -c | sed "s/^/$name /"; done
echo
systemctl show --property=Id --property=NRestarts -- "$@"`;

/** Reads what the runs wrote, and NRestarts of each unit. */
export async function runTruth(node: CommandNode, units: readonly string[]): Promise<RunTruth> {
  const text = await node.exec(["sh", "-c", READ, "sh", ...units]);
  const at = text.startsWith("\n") ? 0 : text.indexOf("\n\n") + 1;
  const failures: Failures = {};
  for (const line of text.slice(0, at).split("\n")) {
    const [unit = "", count, result = ""] = line.trim().split(/\s+/);
    if (unit === "" || result === "success") continue;
    failures[unit] = { ...failures[unit], [result]: Number(count) };
  }
  const restarts: Record<string, number> = {};
  for (const block of text.slice(at).trim().split("\n\n")) {
    const value = (name: string) => new RegExp(`^${name}=(.*)$`, "m").exec(block)?.[1] ?? "";
    const count = Number(value("NRestarts"));
    if (count > 0) restarts[value("Id")] = count;
  }
  return { failures, restarts };
}

/** Comparison of a node's counters with the truth. */
export interface Compared {
  /** `231 of 231 failures, 228 of 228 restarts`. */
  readonly figure: string;
  /** A line for each difference. */
  readonly wrong: readonly string[];
}

/** Counters of some units, by `unit result` and by unit. */
export interface RunCounters {
  readonly failures: Readonly<Record<string, number>>;
  readonly restarts: Readonly<Record<string, number>>;
}

/** Returns the counters of a node's own units: faults make others fail. */
export function shownRuns(scrape: Scrape, { node, units }: CountedNode): RunCounters {
  const own = <T>(counts: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(counts).filter(([name]) => Object.hasOwn(units, name)));
  return {
    failures: flat(own(shownFailures(scrape, node.name))),
    restarts: own(shownRestarts(scrape, node.name)),
  };
}

interface CountedNode {
  readonly node: CommandNode;
  readonly units: Readonly<Record<string, string>>;
}

/** Compares what was counted since `before` with the truth of the same time. */
export function compareRuns(
  truth: RunTruth,
  counters: { readonly before: RunCounters; readonly now: RunCounters },
): Compared {
  const { before, now } = counters;
  const pairs = [
    ["failures", flat(truth.failures), since(now.failures, before.failures)],
    ["restarts", truth.restarts, since(now.restarts, before.restarts)],
  ] as const;
  return {
    figure: pairs
      .map(([what, expected, actual]) => `${sum(actual)} of ${sum(expected)} ${what}`)
      .join(", "),
    wrong: pairs.flatMap(([what, expected, actual]) =>
      [...new Set([...Object.keys(expected), ...Object.keys(actual)])].flatMap((key) => {
        const [is, shows] = [expected[key] ?? 0, actual[key] ?? 0];
        return is === shows ? [] : [`${what} of ${key}: ${shows}, expected ${is}`];
      }),
    ),
  };
}

type Counts = Readonly<Record<string, number>>;

function since(now: Counts, before: Counts): Counts {
  const grown = Object.entries(now).map(
    ([key, count]) => [key, count - (before[key] ?? 0)] as const,
  );
  return Object.fromEntries(grown.filter(([, count]) => count !== 0));
}

function flat(failures: Failures): Counts {
  return Object.fromEntries(
    Object.entries(failures).flatMap(([unit, results]) =>
      Object.entries(results).map(([result, count]) => [`${unit} ${result}`, count]),
    ),
  );
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
