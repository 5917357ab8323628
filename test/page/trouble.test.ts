import { expect, test } from "@jest/globals";
import type {
  ContainerReport,
  RecentCount,
  SystemdReport,
  UnitReport,
} from "../../src/domain/status.ts";
import { sortedUnits } from "../../src/page/view/node.ts";
import { troubleOf, unitLevel, whyOf } from "../../src/page/view/trouble.ts";
import type { TroubledUnits } from "../../src/page/view/trouble.ts";

const SYSTEMD: SystemdReport = {
  up: true,
  transport: "dbus",
  since: null,
  reconnects: 0,
  lagSeconds: null,
  version: null,
  state: "running",
  units: { active: 3 },
};
const NOTHING = { restarts: null, failedExits: null, oomKills: null };
const NO_UNITS: TroubledUnits = { failing: 0, restarted: 0, looping: 0, frozen: 0 };
const CONTAINER: Omit<ContainerReport, "units" | "trouble"> = {
  name: "a",
  isHost: false,
  id: "1",
  node: "a",
  cluster: "",
  image: "debian",
  runtime: "docker",
  status: "running",
  runsSystemd: false,
  health: null,
  healthSince: null,
  pausedSince: null,
  end: null,
  lastOom: null,
  memoryLimitBytes: null,
  countingSince: null,
  exitCode: null,
  startFailed: false,
  oomKilled: false,
  recent: NOTHING,
  restarts: 0,
  starts: 1,
  startedAt: null,
  finishedAt: null,
  removedAt: null,
  systemd: null,
};

const systemd = (more: Partial<SystemdReport>) => ({ systemd: { ...SYSTEMD, ...more } });
type Case = readonly [Partial<ContainerReport>, number, string, readonly string[]];

test.each<Case>([
  [{}, 0, "fine", []],
  [systemd({}), 0, "fine", []],
  [{ status: "exited", exitCode: 0 }, 0, "idle", []],
  [{ status: "exited", exitCode: 143 }, 0, "idle", []],
  [{ status: "exited", exitCode: 130, runsSystemd: true }, 0, "idle", []],
  [{ status: "exited", exitCode: 129, runsSystemd: true }, 0, "idle", []],
  [{ status: "exited", exitCode: 130 }, 0, "failing", ["exited with code 130 (SIGINT)"]],
  [{ status: "exited", exitCode: 129 }, 0, "failing", ["exited with code 129 (SIGHUP)"]],
  [
    { status: "exited", exitCode: 137, end: { by: "kill", signal: "SIGKILL" } },
    0,
    "failing",
    ["exited with code 137 (SIGKILL): killed on request by SIGKILL"],
  ],
  [
    { status: "exited", exitCode: 137, end: { by: "stop", signal: "SIGKILL" } },
    0,
    "failing",
    ["exited with code 137 (SIGKILL): stopped on request"],
  ],
  [
    { status: "exited", exitCode: 139, end: { by: "itself", signal: null } },
    0,
    "failing",
    ["exited with code 139 (SIGSEGV): crashed"],
  ],
  [
    { status: "exited", exitCode: 1, end: { by: "itself", signal: null } },
    0,
    "failing",
    ["exited with code 1"],
  ],
  [{ status: "created" }, 0, "idle", []],
  // The exit code of an earlier container with its name.
  [{ status: "created", exitCode: 1 }, 0, "idle", []],
  [
    { status: "created", exitCode: 127, startFailed: true },
    0,
    "failing",
    ["failed to start: code 127"],
  ],
  [{ status: "exited", exitCode: 1 }, 0, "failing", ["exited with code 1"]],
  [{ status: "exited" }, 0, "failing", ["exited with an unknown code"]],
  // The exit code of an earlier run is no problem.
  [{ status: "running", exitCode: 1 }, 0, "fine", []],
  [
    { status: "restarting", exitCode: 137, oomKilled: true },
    0,
    "failing",
    ["restarting", "exited with code 137 (SIGKILL)", "ran out of memory"],
  ],
  [{ status: "dead" }, 0, "failing", ["dead"]],
  [{ health: "unhealthy" }, 0, "failing", ["unhealthy"]],
  [{ health: "starting" }, 0, "fine", []],
  [{ status: "paused", health: "unhealthy" }, 0, "warning", ["paused"]],
  [{ status: "paused" }, 0, "warning", ["paused"]],
  [systemd({ units: { failed: 2 } }), 2, "failing", ["2 units failed"]],
  [
    systemd({ units: { failed: 3 }, state: "degraded" }),
    1,
    "failing",
    ["1 unit failed", "2 failed units not shown by the filters"],
  ],
  [systemd({ state: "degraded" }), 0, "failing", ["degraded"]],
  [systemd({ state: "maintenance" }), 0, "failing", ["in maintenance"]],
  [systemd({ up: false }), 0, "warning", ["systemd watch lost"]],
  [systemd({ up: false, transport: null }), 0, "warning", ["systemd not watched yet"]],
])("rates a container that is %j with %d failing units as %s", (more, failing, level, reasons) => {
  const rated = troubleOf({ ...CONTAINER, ...more }, { ...NO_UNITS, failing });
  expect(rated).toEqual({ level, reasons });
});

const times = (count: number): RecentCount => ({ count, firstAt: null, lastAt: null });
const recent = (more: Partial<ContainerReport["recent"]>) => ({ recent: { ...NOTHING, ...more } });

test.each<readonly [Partial<ContainerReport>, string, readonly string[]]>([
  [recent({ oomKills: times(1) }), "failing", ["1 OOM kill in 15 min"]],
  // A kill of a child, longer ago.
  [{ oomKilled: true }, "fine", []],
  [
    recent({ oomKills: times(4), restarts: times(4), failedExits: times(4) }),
    "failing",
    ["4 OOM kills in 15 min", "4 restarts in 15 min", "4 failed exits in 15 min"],
  ],
  [recent({ restarts: times(3) }), "failing", ["3 restarts in 15 min"]],
  [recent({ restarts: times(2) }), "warning", ["2 restarts in 15 min"]],
  [recent({ failedExits: times(1) }), "warning", ["1 failed exit in 15 min"]],
  [
    { status: "exited", exitCode: 1, ...recent({ failedExits: times(1) }) },
    "failing",
    ["exited with code 1"],
  ],
  [
    { status: "exited", exitCode: 1, ...recent({ failedExits: times(2) }) },
    "failing",
    ["exited with code 1", "2 failed exits in 15 min"],
  ],
  [
    { status: "exited", ...recent({ failedExits: times(1) }) },
    "failing",
    ["exited with an unknown code"],
  ],
  [
    { status: "exited", exitCode: 0, ...recent({ failedExits: times(1) }) },
    "warning",
    ["1 failed exit in 15 min"],
  ],
])("rates a container by what happened lately: %j as %s", (more, level, reasons) => {
  expect(troubleOf({ ...CONTAINER, ...more }, NO_UNITS)).toEqual({ level, reasons });
});

test.each<readonly [Partial<TroubledUnits>, string, readonly string[]]>([
  [{ restarted: 1 }, "warning", ["1 unit restarted in 15 min"]],
  [{ frozen: 1 }, "warning", ["1 unit frozen"]],
  [{ restarted: 1, looping: 1 }, "failing", ["1 unit in a restart loop"]],
  [
    { failing: 2, restarted: 3, looping: 1 },
    "failing",
    ["2 units failed", "1 unit in a restart loop", "2 units restarted in 15 min"],
  ],
])("rates a node by its units' restarts: %j as %s", (units, level, reasons) => {
  const node = { ...CONTAINER, ...systemd({}) };
  expect(troubleOf(node, { ...NO_UNITS, ...units })).toEqual({ level, reasons });
});

const unit = (more: Partial<UnitReport>): UnitReport => ({
  name: "a.service",
  type: "service",
  activeState: "active",
  subState: "running",
  loadState: null,
  freezerState: null,
  since: null,
  result: null,
  exitCode: null,
  endedWith: null,
  startLimitHit: false,
  outOfMemory: false,
  countingSince: null,
  failures: {},
  lastFailureAt: null,
  hasLastLines: false,
  restarts: 0,
  recent: null,
  ...more,
});

test("returns the level of a unit, and why it fails", () => {
  const failed = { activeState: "failed", subState: "failed" } as const;
  const cases: [UnitReport, string, string][] = [
    [unit({}), "fine", ""],
    [unit({ activeState: "inactive", subState: "dead" }), "idle", ""],
    [unit({ ...failed, result: "exit-code", exitCode: 3 }), "failing", "exit-code, status 3"],
    [
      unit({ ...failed, result: "exit-code", exitCode: 203 }),
      "failing",
      "exit-code, status 203/EXEC: the program can't be executed",
    ],
    [
      unit({ ...failed, result: "signal", exitCode: 9, outOfMemory: true, startLimitHit: true }),
      "failing",
      "signal, SIGKILL; out of memory; start limit reached, systemd starts it no more",
    ],
    [
      unit({ ...failed, result: "oom-kill", exitCode: 9, outOfMemory: true }),
      "failing",
      "oom-kill, SIGKILL",
    ],
    [unit({ ...failed, result: "signal", exitCode: 11 }), "failing", "signal, SIGSEGV"],
    [unit({ ...failed, result: "start-limit-hit", exitCode: 0 }), "failing", "start-limit-hit"],
    [unit({ ...failed }), "failing", ""],
    [
      unit({
        activeState: "activating",
        subState: "auto-restart",
        result: "timeout",
        exitCode: 15,
      }),
      "failing",
      "timeout, SIGTERM",
    ],
    [
      unit({ result: "success", failures: { signal: 2, "exit-code": 1 } }),
      "fine",
      "before: 2 × signal, 1 × exit-code",
    ],
    // No restart hides this failure: it was started by hand.
    [
      unit({ failures: { signal: 1 }, recent: { failures: times(1), restarts: null } }),
      "fine",
      "before: 1 × signal",
    ],
    // It ended well, and Restart=always started it again.
    [unit({ restarts: 2, recent: { failures: null, restarts: times(2) } }), "fine", ""],
    [
      unit({ restarts: 3, recent: { failures: null, restarts: times(3) } }),
      "warning",
      "3 restarts in 15 min",
    ],
    [
      unit({
        failures: { signal: 4 },
        restarts: 4,
        recent: { failures: times(1), restarts: times(1) },
      }),
      "warning",
      "1 restart in 15 min; before: 4 × signal",
    ],
  ];
  for (const [each, level, why] of cases) {
    expect([unitLevel(each), whyOf(each)]).toEqual([level, why]);
  }
});

test("sorts units with past failures, and unusual ones, before healthy ones, and these before idle ones", () => {
  const { failing, restarted, others } = sortedUnits([
    unit({ name: "idle", activeState: "inactive", subState: "dead" }),
    unit({ name: "well-b" }),
    unit({ name: "well-a" }),
    unit({ name: "was", restarts: 1 }),
    unit({ name: "is", activeState: "failed" }),
    unit({ name: "unloadable", activeState: "inactive", loadState: "bad-setting" }),
    unit({ name: "masked", activeState: "inactive", loadState: "masked" }),
    unit({ name: "still", freezerState: "frozen" }),
    unit({ name: "loop", recent: { failures: null, restarts: times(5) } }),
  ]);
  expect(failing.map(({ name }) => name)).toEqual(["is"]);
  expect(restarted.map(({ name }) => name)).toEqual(["loop"]);
  expect(others.map(({ name }) => name)).toEqual([
    "still",
    "unloadable",
    "was",
    "well-a",
    "well-b",
    "idle",
    "masked",
  ]);
});
