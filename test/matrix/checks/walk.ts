/** Each kind of failure once, in an order, and the state after each: as in `test/e2e/walk.test.ts`. */
import { isDeepStrictEqual } from "node:util";
import { eventually } from "../../support/eventually.ts";
import type { Scrape } from "../../support/exposition.ts";
import {
  shownContainer,
  shownFailures,
  shownRestarts,
  shownSystemd,
  trueContainer,
  trueSystemd,
} from "../../support/truth.ts";
import { SYSTEMD } from "../nodes.ts";
import { writeUnits } from "../units.ts";
import { type MatrixNode, onEach, type Outcome, type Session, untilWatched } from "../session.ts";

const SLEEPS = "ExecStart=sleep infinity\n";
const UNITS = {
  "walk-exits.service": "[Service]\nExecStart=/bin/sh -c 'exit 3'\n",
  "walk-victim.service": `[Service]\n${SLEEPS}`,
  "walk-loop.service":
    "[Unit]\nStartLimitBurst=4\nStartLimitIntervalSec=1min\n" +
    "[Service]\nExecStart=/bin/sh -c 'exit 7'\nRestart=on-failure\nRestartSec=50ms\n",
  "walk-late.service": `[Service]\nType=notify\nTimeoutStartSec=50ms\n${SLEEPS}`,
  "walk-stuck.service": `[Service]\nWatchdogSec=50ms\n${SLEEPS}`,
  "walk-missing.service": "[Service]\nExecStart=/nowhere\n",
  "walk-shut.socket": "[Socket]\nListenStream=/proc/nowhere/socket\n",
  "walk-shut.service": `[Service]\n${SLEEPS}`,
} as const;
type Unit = keyof typeof UNITS;

export function walk(session: Session): Promise<readonly Outcome[]> {
  return onEach(session, (each) => walkNode(session, each));
}

async function walkNode(session: Session, each: MatrixNode): Promise<string> {
  const { node, plan } = each;
  const { unitwatch } = session;
  const start = (unit: Unit): Promise<unknown> =>
    node.tryExec(["systemctl", "start", "--no-block", unit]);
  const agrees = (): Promise<unknown> => eventually(() => expectState(session, each), LIMIT);

  await writeUnits(node, UNITS);
  await start("walk-exits.service");
  await node.waitUnit("walk-exits.service", "failed");
  await node.startUnit("walk-victim.service");
  await node.crash("walk-victim.service");
  await node.waitUnit("walk-victim.service", "failed");
  await agrees();
  await start("walk-loop.service");
  await eventually(async () => {
    const shown = await node.systemctl(
      "show",
      "--property=NRestarts,SubState",
      "walk-loop.service",
    );
    return /NRestarts=4/.test(shown) && /SubState=failed$/m.test(shown);
  });
  for (const unit of [
    "walk-late.service",
    "walk-stuck.service",
    "walk-missing.service",
    "walk-shut.socket",
  ] as const) {
    await start(unit);
    await node.waitUnit(unit, "failed");
  }
  await agrees();

  await node.tryExec(["systemd-run", "--collect", "--wait", "--unit=walk-brief", "false"]);
  await node.systemctl("reset-failed", "walk-late.service");
  await node.exec(["rm", "/etc/systemd/system/walk-late.service"]);
  await node.systemctl("daemon-reload");
  await agrees();
  await node.systemctl("daemon-reexec");
  await node.startUnit("walk-shut.service");
  await agrees();

  await node.pause();
  await unitwatch.until((scrape) => shownContainer(scrape, node.name).status === "paused", LIMIT);
  await node.unpause();
  await agrees();
  for (const begin of [
    () => node.stop().then(() => node.start()),
    () => node.kill().then(() => node.start()),
    () => node.restart(),
  ]) {
    await begin();
    await node.ready();
    await untilWatched(session, each);
    await agrees();
  }

  const expected = expectedCounts(SYSTEMD[plan.suite]);
  await unitwatch.until((scrape) => {
    const counted = countsOf(scrape, node.name);
    if (isDeepStrictEqual(counted, expected)) return;
    throw new Error(`counted ${JSON.stringify(counted)}, expected ${JSON.stringify(expected)}`);
  }, LIMIT);
  return figureOf(expected);
}

/** Limit until counters and state agree. */
const LIMIT = { withinMs: 5_000 };

interface Counts {
  readonly failures: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly restarts: Readonly<Record<string, number>>;
  readonly starts: number | undefined;
  readonly exits: number;
}

function countsOf(scrape: Scrape, container: string): Counts {
  const own = <T>(counts: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(counts).filter(([name]) => Object.hasOwn(UNITS, name)));
  const exits = Object.values(scrape.by("exit_code", "container_exits_total", { container }));
  return {
    failures: own(shownFailures(scrape, container)),
    restarts: own(shownRestarts(scrape, container)),
    starts: scrape.value("container_starts_total", { container }),
    exits: exits.reduce((sum, count) => sum + count, 0),
  };
}

function figureOf({ failures, restarts, starts }: Counts): string {
  const sum = (counts: Readonly<Record<string, number>>): number =>
    Object.values(counts).reduce((total, count) => total + count, 0);
  const failed = Object.values(failures).reduce((total, counts) => total + sum(counts), 0);
  return `${failed} failures, ${sum(restarts)} restarts, ${starts} starts`;
}

/** The start that the limit refuses is a failure too; only newer versions have a Result for it. */
function expectedCounts(systemd: number): Counts {
  return {
    failures: {
      "walk-exits.service": { "exit-code": 1 },
      "walk-victim.service": { signal: 1 },
      "walk-loop.service":
        systemd >= 262 ? { "exit-code": 4, "start-limit-hit": 1 } : { "exit-code": 5 },
      "walk-late.service": { timeout: 1 },
      "walk-stuck.service": { watchdog: 1 },
      "walk-missing.service": { "exit-code": 1 },
      "walk-shut.socket": { resources: 1 },
    },
    restarts: { "walk-loop.service": 4 },
    starts: 3,
    exits: 3,
  };
}

/** @throws with the differences between the shown state and that of systemctl and inspect */
export async function expectState(session: Session, { node, plan }: MatrixNode): Promise<void> {
  const scrape = await session.unitwatch.scrape();
  // 247 shows no microseconds.
  const times = plan.suite === "bullseye" ? { activeUs: {} } : {};
  const pairs = [
    [
      { ...shownSystemd(scrape, node.name), ...times },
      { ...(await trueSystemd(node)), ...times },
    ],
    [shownContainer(scrape, node.name), await trueContainer(node)],
  ] as const;
  const wrong = pairs.flatMap(([shown, actual]) => differences("", shown, actual));
  if (wrong.length > 0) throw new Error(`state: ${wrong.slice(0, 8).join("; ")}`);
}

function differences(path: string, shown: unknown, actual: unknown): string[] {
  if (isDeepStrictEqual(shown, actual)) return [];
  if (!isRecord(shown) || !isRecord(actual)) {
    return [`${path} is shown ${JSON.stringify(shown)}, is ${JSON.stringify(actual)}`];
  }
  const keys = new Set([...Object.keys(shown), ...Object.keys(actual)]);
  return [...keys].flatMap((key) => differences(`${path} ${key}`.trim(), shown[key], actual[key]));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
