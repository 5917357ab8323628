import { expect, test } from "@jest/globals";
import { eventReport } from "../../src/app/event-report.ts";
import { INSTANCE } from "../../src/app/event-report.ts";
import { Lags } from "../../src/app/status.ts";
import type { StatusOptions } from "../../src/app/status.ts";
import type { EventReport, StatusReport } from "../../src/domain/status.ts";
import { logRecordOf } from "../../src/logs/log-record.ts";
import { containerChange, monitorChange, unitChange } from "../support/changes.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { StatusFleet } from "../support/status-fleet.ts";
import { serviceSignal } from "../support/systemd-facts.ts";
import { containerDetails } from "../support/engine-facts.ts";

test("reports a change as its log record does", () => {
  const change = unitChange("unit.failed", {
    detail: "ActiveState=failed",
    activeState: "failed",
    subState: "failed",
    previousState: "active",
    result: "signal",
    exitCode: 9,
  });
  const record = logRecordOf(change, { observedNs: 1n, instance: INSTANCE });
  expect(eventReport(change)).toEqual({
    kind: "unit.failed",
    time: "2026-11-22T11:02:19.060434057Z",
    severity: "ERROR",
    container: "sind-dev-worker-0",
    node: "worker-0",
    cluster: "dev",
    unit: "slurmd.service",
    message: "Unit slurmd.service in sind-dev-worker-0 failed: signal, SIGKILL.",
    detail: "ActiveState=failed",
    recovered: false,
    uid: record.attributes?.["log.record.uid"],
    attributes: expect.objectContaining({
      "event.name": "systemd.unit.failed",
      "systemd.service.result": "signal",
    }),
  });
});

test("reports no container when the change is of the engine's watch", () => {
  const change = monitorChange("monitor.lost", { identity: undefined, container: "", node: "" });
  expect(eventReport(change)).toMatchObject({ container: "", node: "", cluster: "", unit: "" });
});

test("keeps one lag a watch, without recovered changes", () => {
  const lags = new Lags();
  const unit = unitChange("unit.active");
  const { id } = unit.identity;
  lags.changed(unit, unit.timeNs + 2_000_000n);
  lags.changed({ ...unit, recovered: true }, unit.timeNs + 10n ** 12n);
  lags.changed(monitorChange("monitor.lost"), unit.timeNs + 10n ** 12n);
  expect([lags.of(id), lags.engine]).toEqual([0.002, undefined]);
  lags.changed(containerChange("container.start"), unit.timeNs - 5n);
  expect([lags.of(id), lags.engine]).toEqual([0.002, 0]);
  lags.changed(containerChange("container.destroy"), unit.timeNs);
  expect(lags.of(id)).toBeUndefined();
});

test("includes every event up to lastEventId in the state", async () => {
  const made = new StatusFleet();
  const record = made.node("a", { units: 2 });
  made.fails(record, "x.service", { result: "signal", exitStatus: 9 });
  const report = JSON.parse((await made.status.routes.state(undefined)).toString()) as StatusReport;
  const { events } = made.status.routes;
  expect(report.lastEventId).toBe(events.lastId);
  expect(report.containers[0]?.units.find(({ name }) => name === "x.service")).toMatchObject({
    activeState: "failed",
    result: "signal",
    exitCode: 9,
    failures: { signal: 1 },
  });
  expect(report.containers[0]?.systemd).toMatchObject({
    up: true,
    transport: "dbus",
    lagSeconds: expect.any(Number),
  });
  const kinds = events.newest(10).map((data) => (JSON.parse(data) as EventReport).kind);
  expect(kinds).toContain("unit.failed");
});

const MINUTE_MS = 60_000;

/** A fleet, its clock, and what it shows. */
function recentFleet(options: Partial<StatusOptions> = {}) {
  const clock = options.clock instanceof FakeClock ? options.clock : new FakeClock();
  const made = new StatusFleet({ ...options, clock });
  const stateOf = async (name: string) => {
    const text = (await made.status.routes.state([name])).toString();
    return (JSON.parse(text) as StatusReport).containers[0];
  };
  const pageOf = async (): Promise<string> =>
    (await made.status.routes.page(undefined)).toString().replaceAll(/<[^>]*>/g, "");
  return { clock, made, stateOf, pageOf };
}

/** Returns the containers whose clients were notified that their state differs. */
function asidesOf({ status }: StatusFleet): string[] {
  const asides: string[] = [];
  const aside = (key: string): void => void asides.push(key);
  status.routes.events.subscribe({ wake: () => {}, aside, close: () => {} });
  return asides;
}

/** A container that the OOM killer ends, and its policy restarts, so many times. */
function loops(made: StatusFleet, name: string, times: number): void {
  made.happens("start", name);
  made.fleet.details(containerDetails(name, { status: "running" }), true);
  for (let restartCount = 1; restartCount <= times; restartCount += 1) {
    made.happens("oom", name);
    const died = made.happens("die", name, { exitCode: "137" });
    const { identity, startedAtNs } = made.happens("start", name);
    const facts = { identity, startedAtNs, finishedAtNs: died.finishedAtNs } as const;
    made.fleet.details(containerDetails(name, { ...facts, status: "running", restartCount }), true);
  }
}

test("shows a container that runs again as failing for 15 minutes", async () => {
  const { clock, made, stateOf, pageOf } = recentFleet();
  loops(made, "loop", 4);
  made.happens("start", "calm");
  await clock.advance(14 * MINUTE_MS);
  const reasons = ["4 OOM kills in 15 min", "4 restarts in 15 min", "4 failed exits in 15 min"];
  expect(await stateOf("loop")).toMatchObject({
    status: "running",
    oomKilled: false,
    recent: {
      restarts: { count: 4, lastAt: expect.any(String) },
      failedExits: { count: 4, firstAt: expect.any(String), lastAt: expect.any(String) },
      oomKills: { count: 4 },
    },
    trouble: { level: "failing", reasons },
  });
  expect(await stateOf("calm")).toMatchObject({ trouble: { level: "fine", reasons: [] } });
  const page = await pageOf();
  expect(page).toMatch(/Needs attention 1\s*loop[^]*Other containers 1/);
  expect(page).toContain(`${reasons.join(" · ")}, last 14 min ago`);
  expect(page).not.toContain("No problems");

  await clock.advance(MINUTE_MS);
  expect(await stateOf("loop")).toMatchObject({
    recent: { restarts: null, failedExits: null, oomKills: null },
    trouble: { level: "fine", reasons: [] },
    restarts: 4,
  });
  expect(await pageOf()).toMatch(/Needs attention 0\s*No problems\.[^]*Other containers 2/);
});

test("shows a unit that runs again after restarts for 15 minutes", async () => {
  const { clock, made, stateOf, pageOf } = recentFleet();
  const node = made.node("node", { units: 2 });
  for (let restarts = 0; restarts < 3; restarts += 1) {
    made.fails(node, "loop.service", { result: "signal", exitStatus: 9, restarts });
    made.unit(node, { unit: "loop.service", activeState: "activating", subState: "auto-restart" });
    node.systemd.take(serviceSignal({ unit: "loop.service", restarts: restarts + 1 }));
    made.unit(node, { unit: "loop.service", activeState: "active", subState: "running" });
  }
  // It was started by hand.
  made.fails(node, "fixed.service");
  made.unit(node, { unit: "fixed.service", activeState: "active", subState: "running" });
  const before = await stateOf("node");
  expect(before?.trouble).toEqual({ level: "failing", reasons: ["1 unit in a restart loop"] });
  const unit = before?.units.find(({ name }) => name === "loop.service");
  expect(unit?.recent).toMatchObject({ failures: { count: 3 }, restarts: { count: 3 } });
  expect(await pageOf()).toMatch(
    /Needs attention 1[^]*Restarted lately[^]*loop\.serviceactive running3 restarts in 15 min/,
  );
  await clock.advance(15 * MINUTE_MS);
  expect((await stateOf("node"))?.trouble).toEqual({ level: "fine", reasons: [] });
});

test("shows what is recent after a restart of unitwatch, until it no longer is", async () => {
  const before = recentFleet();
  const { clock } = before;
  loops(before.made, "loop", 4);
  const node = before.made.node("node", { units: 2 });
  before.made.fails(node, "service-1.service", { restarts: 0 });
  const waits = { activeState: "activating", subState: "auto-restart" } as const;
  before.made.unit(node, { unit: "service-1.service", ...waits });
  node.systemd.take(serviceSignal({ unit: "service-1.service", restarts: 1 }));
  before.made.unit(node, { unit: "service-1.service", activeState: "active", subState: "running" });
  const restored = [...before.made.fleet.containers()].flatMap((record) => record.resume() ?? []);
  await clock.advance(MINUTE_MS);
  const { made, stateOf } = recentFleet({ clock, restored });
  made.fleet.restore(restored);

  expect(await stateOf("loop")).toMatchObject({
    recent: { restarts: { count: 4 }, failedExits: { count: 4 }, oomKills: { count: 4 } },
    restarts: 0,
    trouble: { level: "failing" },
  });
  // The next process may end before it has read systemd.
  const next = recentFleet({ clock, restored });
  next.made.fleet.restore([...made.fleet.containers()].flatMap((record) => record.resume() ?? []));
  for (const each of [made, next.made]) each.node("node", { units: 2 });
  for (const each of [{ stateOf }, next]) {
    const state = await each.stateOf("node");
    expect(state?.units).toMatchObject([
      { name: "service-0.service", recent: null },
      {
        name: "service-1.service",
        failures: {},
        recent: { failures: { count: 1 }, restarts: { count: 1 } },
      },
    ]);
    expect(state?.trouble.reasons).toEqual(["1 unit restarted in 15 min"]);
  }
  const asides = asidesOf(made);
  await clock.advance(14 * MINUTE_MS + 5_001);
  made.status.expire();
  expect(asides.toSorted()).toEqual(["loop", "node"]);
  for (const name of ["loop", "node"]) {
    expect((await stateOf(name))?.trouble).toEqual({ level: "fine", reasons: [] });
  }
});

test("notifies clients within 5 s that something isn't recent any more", async () => {
  const { clock, made } = recentFleet();
  const asides = asidesOf(made);
  loops(made, "loop", 2);
  made.happens("start", "calm");
  asides.length = 0;
  await clock.advance(15 * MINUTE_MS - 1);
  made.status.expire();
  expect(asides).toEqual([]);
  await clock.advance(5_001);
  made.status.expire();
  expect(asides).toEqual(["loop"]);
  made.status.expire();
  expect(asides).toEqual(["loop"]);
});

test("says that there is no container, no problem and no change only while it is so", async () => {
  const { made, pageOf } = recentFleet();
  const texts = ["No container is watched yet.", "No problems.", "No change since"];
  const shown = async (): Promise<boolean[]> => {
    const page = await pageOf();
    return texts.map((text) => page.includes(text));
  };
  expect(await shown()).toEqual([true, false, true]);
  const node = made.node("node", { units: 1 });
  expect(await shown()).toEqual([false, true, false]);
  made.fails(node, "x.service");
  expect(await shown()).toEqual([false, false, false]);
});
