/** Crash loops under random faults, and during an outage of the engine; every run is counted. */
import { setTimeout as delay } from "node:timers/promises";
import { type Fault, harm, LOSSLESS_FAULTS } from "../../e2e/count/faults.ts";
import type { LoadUnit } from "../../e2e/count/load.ts";
import { Random } from "../../e2e/count/random.ts";
import { eventually } from "../../support/eventually.ts";
import { SYSTEMD } from "../nodes.ts";
import {
  type MatrixNode,
  onEach,
  type Outcome,
  type Session,
  untilWatched,
  watchers,
} from "../session.ts";
import {
  type Compared,
  compareRuns,
  forgetRuns,
  ONCE,
  type RunCounters,
  runTruth,
  shownRuns,
  VICTIMS,
} from "../units.ts";

/** Faults after which the truth is still exact. */
const FAULTS = new Set([
  "crash",
  "daemon-reload",
  "daemon-reexec",
  "restart of dbus",
  "kill of dbus-daemon",
  "kill of the bridge",
  "cut of all connections to the engine",
  "pause",
]);

const START_ONCE: Fault = {
  name: "start",
  weight: 8,
  do: ({ node }) => node.tryExec(["systemctl", "start", "--no-block", ONCE]),
};

const RESTART_JOURNALD: Fault = {
  name: "restart of journald",
  weight: 2,
  do: ({ node }) => node.tryExec(["systemctl", "restart", "systemd-journald.service"]),
};

const KILL: Fault = {
  name: "kill",
  weight: 24,
  do: ({ node, random }) => node.tryExec(["sh", "-c", KILL_MAIN, "sh", random.pick(VICTIMS)]),
};
const KILL_MAIN = 'systemctl kill --kill-who=main --signal=SIGKILL -- "$@"';

/**
 * Faults without a journal. systemd itself keeps no record of a run that ended well in a gap, nor of one
 * that the user started; and up to v252 NRestarts counts a restart twice if it was due when systemd was
 * reloaded, or executed itself again.
 */
function faultsWithoutJournal(systemd: number): readonly Fault[] {
  const lossy = new Set(["crash", ...(systemd <= 252 ? ["daemon-reload", "daemon-reexec"] : [])]);
  return [...LOSSLESS_FAULTS.filter(({ name }) => FAULTS.has(name) && !lossy.has(name)), KILL];
}

/** Waits until each unit has failed once: the first failure's Result is that of those in a gap. */
async function untilAllFailed({ unitwatch }: Session, each: MatrixNode): Promise<void> {
  await each.node.systemctl("start", ...VICTIMS);
  await each.node.exec(["sh", "-c", KILL_MAIN, "sh", ...VICTIMS]);
  await unitwatch.until((scrape) => {
    const failed = Object.keys(shownRuns(scrape, each).failures);
    return Object.keys(each.units).every((unit) =>
      failed.some((key) => key.startsWith(`${unit} `)),
    );
  });
}

/** Limit until all runs are counted, from the end of the last one. */
const LIMIT_MS = 10_000;

/** Counts the runs of all nodes while random faults happen. */
export function countWithFaults(session: Session): Promise<readonly Outcome[]> {
  return counted(session, () => {
    const signal = AbortSignal.timeout(session.countSeconds * 1_000);
    return onEach(session, async (each) => {
      const counts = await injectFaults(session, each, signal);
      return `${Object.values(counts).reduce((sum, count) => sum + count, 0)} faults`;
    });
  });
}

async function injectFaults(
  session: Session,
  each: MatrixNode,
  signal: AbortSignal,
): Promise<Record<string, number>> {
  const { node, plan, units } = each;
  const counts: Record<string, number> = {};
  const hasJournal = plan.variant !== "no-journald";
  const load: LoadUnit[] = Object.entries(units).map(([name, text]) => ({
    name,
    text,
    isVictim: (VICTIMS as readonly string[]).includes(name),
    exitCode: undefined,
  }));
  if (!hasJournal) await untilAllFailed(session, each);
  await harm(
    {
      node,
      units: load,
      hasBus: plan.variant !== "no-dbus",
      unitwatch: () => session.unitwatch,
      proxy: session.proxy,
      random: Random.of(session.seed, `faults ${plan.suite} ${plan.variant}`),
    },
    {
      faults: hasJournal
        ? [...LOSSLESS_FAULTS.filter(({ name }) => FAULTS.has(name)), START_ONCE, RESTART_JOURNALD]
        : faultsWithoutJournal(SYSTEMD[plan.suite]),
      signal,
      does: (fault) => (counts[fault] = (counts[fault] ?? 0) + 1),
    },
  );
  return counts;
}

const OUTAGE_MS = 8_000;

/** Counts the runs of all nodes while the engine's daemon is killed for a while. */
export async function countOverOutage(session: Session): Promise<readonly Outcome[]> {
  const { engine, unitwatch } = session;
  const before = await onEach(session, (each) => untilWatched(session, each));
  return counted(session, async () => {
    await engine.kill();
    await unitwatch.until((scrape) => scrape.value("unitwatch_engine_up") === 0);
    await delay(OUTAGE_MS);
    await engine.start();
    await unitwatch.until((scrape) => scrape.value("unitwatch_engine_up") === 1);
    return onEach(session, async (each) => {
      const was = before[session.nodes.indexOf(each)]?.figure;
      const is = await untilWatched(session, each);
      if (was !== is) throw new Error(`watched by ${is}, before by ${was}`);
      // A process of an earlier connection would be a second one.
      await eventually(
        async () => {
          const running = await watchers(each);
          if (running.length !== 1) throw new Error(`processes: ${running.join(", ")}`);
        },
        { withinMs: LIMIT_MS },
      );
      return `by ${is}`;
    });
  });
}

/** Starts the loops of all nodes, lets something happen, stops the loops, and compares. */
async function counted(
  session: Session,
  during: () => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  const { nodes, unitwatch } = session;
  const before = new Map<MatrixNode, RunCounters>();
  const started = await onEach(session, async (each) => {
    await forgetRuns(each.node, Object.keys(each.units));
    before.set(each, shownRuns(await unitwatch.scrape(), each));
    await each.node.systemctl("start", "--no-block", "runs.target");
    return "";
  });
  const happened = await during();
  const compared = await onEach(session, (each) => compareNode(session, each, before.get(each)));
  return nodes.map((_, index) => {
    const parts = [started[index], compared[index], happened[index]].filter(
      (part) => part !== undefined,
    );
    const wrong = parts.flatMap((part) => part.wrong);
    const figures = parts.map(({ figure }) => figure).filter((figure) => figure !== "");
    return { pass: wrong.length === 0, figure: figures.join(", "), wrong };
  });
}

/** Stops the loops of a node, and compares what was counted with what they wrote. */
async function compareNode(
  { unitwatch }: Session,
  each: MatrixNode,
  before: RunCounters | undefined,
): Promise<Outcome | string> {
  if (before === undefined) return "";
  const { node } = each;
  const names = Object.keys(each.units);
  // The target stays: it keeps the units loaded, and so their NRestarts.
  await node.systemctl("stop", ...names);
  const truth = await runTruth(node, names);
  const compare = async (): Promise<Compared> =>
    compareRuns(truth, { before, now: shownRuns(await unitwatch.scrape(), each) });
  const { figure, wrong } = await eventually(
    async () => {
      const result = await compare();
      return result.wrong.length === 0 && result;
    },
    { withinMs: LIMIT_MS },
  ).catch(compare);
  await node.systemctl("stop", "runs.target");
  return { pass: wrong.length === 0, figure, wrong };
}
