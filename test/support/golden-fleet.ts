import type { Change } from "../../src/domain/change.ts";
import {
  BOOT_STAGES,
  noReading,
  READING_GROUPS,
  type UnitReading,
} from "../../src/domain/readings.ts";
import type { ServiceSignal, UnitSignal } from "../../src/domain/systemd.ts";
import type { UnitRow } from "../../src/domain/unit.ts";
import { identifier } from "../../src/engine/format/identity.ts";
import { Fleet } from "../../src/state/fleet.ts";
import { SeriesBudget } from "../../src/state/units/series-budget.ts";
import type { SystemdState } from "../../src/state/units/systemd-state.ts";
import { unitAdmission } from "../../src/state/units/unit-admission.ts";
import { containerDetails, engineEvent, idOf } from "./engine-facts.ts";
import { serviceSignal, unitSignal } from "./systemd-facts.ts";

const SECOND_NS = 1_000_000_000n;
/** 2026-01-01T00:00:00Z */
const START_NS = 1_767_225_600n * SECOND_NS;

export const GOLDEN_LIMIT = 10_000;

export interface GoldenFleet {
  readonly fleet: Fleet;
  readonly series: SeriesBudget;
  /** Every change while the fleet was built. */
  readonly changes: readonly Change[];
}

/**
 * Builds a small fleet with a sample of every state metric: a sind node with many changes, one whose
 * systemd watch is lost, containers of Compose, names that need escaping, one in retention.
 */
export function goldenFleet(): GoldenFleet {
  const changes: Change[] = [];
  const series = new SeriesBudget(GOLDEN_LIMIT, () => START_NS + 60n * SECOND_NS, {
    groups: new Set(READING_GROUPS),
    hasUsage: true,
  });
  const identify = identifier(undefined, () => "docker");
  const fleet = new Fleet({
    events: { changed: (change) => void changes.push(change), refused: () => {} },
    admission: unitAdmission(/^.+$/, /^.+\.(?:mount|slice)$/, series),
    identify,
  });
  let nowNs = START_NS;
  const engine = (
    action: string,
    name: string,
    more: Readonly<Record<string, string>> = {},
  ): void => {
    nowNs += SECOND_NS + 123_456_789n;
    fleet.engineEvent(engineEvent(action, name, { timeNs: nowNs, ...more }));
  };
  const inspect = (
    name: string,
    more: Parameters<typeof containerDetails>[1] = {},
  ): SystemdState => {
    const known = fleet.get(idOf(name));
    if (known === undefined) throw new Error(`no container ${name}`);
    const { identity, startedAtNs, finishedAtNs, status } = known;
    const facts = { identity, startedAtNs, finishedAtNs, status, ...more };
    return fleet.details(containerDetails(name, facts), true).systemd;
  };

  fleet.complete();
  const SIND = { "sind.cluster": "dev", "sind.realm": "sind", image: "sind/slurm:24.11" };
  engine("create", "sind-dev-controller", SIND);
  engine("start", "sind-dev-controller", SIND);
  busyNode(inspect("sind-dev-controller", { runsSystemd: true }), nowNs);

  useOf(fleet, "sind-dev-controller");

  engine("create", "sind-dev-worker-0", SIND);
  engine("start", "sind-dev-worker-0", SIND);
  const worker = inspect("sind-dev-worker-0", { runsSystemd: true });
  for (const _stream of [1, 2]) {
    worker.take({ kind: "attached", transport: "busctl", atNs: nowNs });
    worker.take({ kind: "recovered", entries: [] });
    const rows = [row("munge.service", "active", "running")];
    worker.take({ kind: "listed", rows, asOfNs: nowNs });
    worker.lost();
  }
  const lost = fleet.get(idOf("sind-dev-worker-0"));
  if (lost !== undefined) lost.journalUp = false;

  const COMPOSE = {
    "com.docker.compose.project": "shop",
    "com.docker.compose.service": "web",
    "com.docker.compose.container-number": "2",
  };
  engine("create", "shop-web-2", COMPOSE);
  for (const exitCode of ["1", "137", "1", "odd"]) {
    engine("start", "shop-web-2", COMPOSE);
    if (exitCode === "137") engine("oom", "shop-web-2", COMPOSE);
    engine("die", "shop-web-2", { ...COMPOSE, exitCode });
  }
  inspect("shop-web-2", { restartCount: 3, status: "restarting", exitCode: 1 });
  engine("start", "shop-web-2", COMPOSE);
  engine("health_status: unhealthy", "shop-web-2", COMPOSE);
  engine("pause", "shop-web-2", COMPOSE);

  engine("create", 'odd "name" \\ {a="b"}\n', { image: 'registry/"odd"\\image' });
  engine("create", "gone");
  engine("start", "gone");
  engine("die", "gone", { exitCode: "0" });
  engine("destroy", "gone");
  return { fleet, series, changes };
}

function useOf(fleet: Fleet, name: string): void {
  const record = fleet.get(idOf(name));
  if (record === undefined) throw new Error(`no container ${name}`);
  record.usage = {
    memory: 52_428_800,
    workingSet: 41_943_040,
    memoryLimit: 0,
    cpuSeconds: 12.345678901,
    threads: 17,
    threadsMax: 4915,
    counting: { sinceNs: record.startedAtNs },
  };
}

/** Gives a systemd one unit in each state, some of which failed and were restarted. */
function busyNode(systemd: SystemdState, bootNs: bigint): void {
  let nowNs = bootNs + SECOND_NS;
  systemd.take({ kind: "attached", transport: "dbus", atNs: nowNs });
  systemd.take({ kind: "recovered", entries: [] });
  systemd.take({
    kind: "manager",
    version: "252.39-1~deb12u1",
    systemState: "starting",
    timeNs: nowNs,
  });
  systemd.take({
    kind: "listed",
    rows: [
      row("-.mount", "active", "mounted"),
      row("munge.service", "active", "running"),
      row("slurmctld.service", "inactive", "dead"),
      row("ssh.socket", "active", "listening"),
      row("backup.timer", "inactive", "dead"),
      row(String.raw`a\x2db@"x".service`, "activating", "start"),
      row("stop.service", "deactivating", "stop-sigterm"),
      { ...row("masked.service", "inactive", "dead"), loadFault: "masked" },
      { ...row("absent.service", "inactive", "dead"), loadFault: "not-found" },
    ],
    asOfNs: nowNs,
  });
  systemd.take({ kind: "start-time", unit: "munge.service", timeNs: bootNs });
  systemd.take({ kind: "start-time", unit: "ssh.socket", timeNs: bootNs + 500_000_000n });
  systemd.take({ kind: "frozen", unit: "ssh.socket", frozenState: "frozen" });
  systemd.take({ kind: "manager", systemState: "running", timeNs: nowNs });
  const unit = (more: Partial<UnitSignal>): void => {
    nowNs += SECOND_NS;
    const times = { stateChangeNs: nowNs, timeNs: nowNs };
    systemd.take(unitSignal({ unit: "slurmctld.service", ...times, ...more }));
  };
  const service = (more: Partial<ServiceSignal>): void => {
    systemd.take(serviceSignal({ unit: "slurmctld.service", timeNs: nowNs, ...more }));
  };

  service({ result: "success", restarts: 0 });
  unit({ activeState: "active", subState: "running", activeEnterNs: nowNs });
  for (const [restarts, result] of [
    [1, "exit-code"],
    [2, "oom-kill"],
    [3, "exit-code"],
  ] as const) {
    service({ result, exitStatus: 1, restarts: restarts - 1 });
    unit({ activeState: "failed", subState: "failed" });
    unit({ activeState: "activating", subState: "auto-restart" });
    service({ restarts });
    unit({ activeState: "active", subState: "running", activeEnterNs: nowNs });
  }
  service({ result: "watchdog", exitStatus: 6, restarts: 3 });
  unit({ activeState: "failed", subState: "failed" });
  unit({ unit: "reload.service", activeState: "reloading", subState: "reload" });
  unit({ unit: "data.mount", activeState: "failed", subState: "failed" });
  answeredQueries(systemd);
}

/** Gives a systemd the answers to queries: of a service, a socket and a timer, and of itself. */
function answeredQueries(systemd: SystemdState): void {
  const read = (name: string, values: Partial<UnitReading>): void => {
    const unit = systemd.units.get(name);
    if (unit !== undefined) unit.reading = { ...noReading(), ...values };
  };
  const times = { activeEnter: 1_767_225_601.25, activeExit: 0, inactiveEnter: 0 };
  read("munge.service", {
    ...times,
    inactiveExit: 1_767_225_601.125,
    subtype: "notify",
    exitStatus: 0,
    conditionTime: 1_767_225_601,
    isConditionMet: true,
    tasks: 4,
    tasksMax: 4_915,
    cpuSeconds: 0.123456,
    memory: 1_048_576,
    memoryPeak: 2e6,
    readBytes: 4_096,
    writtenBytes: 8_192,
    ingressBytes: 100,
    ingressPackets: 2,
    egressBytes: 60,
    egressPackets: 1,
  });
  read("slurmctld.service", { exitCode: 3, exitStatus: 6 });
  read("backup.timer", { lastTrigger: 1_767_225_600.5, conditionTime: 1, isConditionMet: false });
  read("ssh.socket", { accepted: 7, connections: 1, refused: 2, memory: 4_096 });
  systemd.manager.reading = {
    watchdogDevice: "/dev/watchdog0",
    pingTime: 1_767_225_660,
    pingMonotonic: 60.5,
    watchdogSeconds: 30,
    bootTimes: new Map(BOOT_STAGES.map((stage, at) => [stage, at === 0 ? 1_767_225_601.5 : 0])),
    bootMonotonic: new Map(BOOT_STAGES.map((stage, at) => [stage, at === 0 ? 1.5 : 0])),
    jobs: 1,
    installedJobs: 67,
    failedJobs: 3,
  };
  systemd.manager.answersQueries = true;
}

function row(name: string, activeState: UnitRow["activeState"], subState: string): UnitRow {
  return { name, activeState, subState };
}
