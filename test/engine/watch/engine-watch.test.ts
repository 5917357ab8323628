import { expect, test } from "@jest/globals";
import type { CursorResume } from "../../../src/domain/resume.ts";
import { EngineWatch } from "../../../src/engine/watch/engine-watch.ts";
import { EventCursor } from "../../../src/engine/watch/event-cursor.ts";
import { EventBus } from "../../../src/state/event-bus.ts";
import { containerDetails, engineEvent, identityOf, idOf } from "../../support/engine-facts.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeEngineSource } from "../../support/fake-engine-source.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import type { RecordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { turns } from "../../support/turns.ts";

const SECOND_NS = 1_000_000_000n;

interface Watched extends RecordedFleet, AsyncDisposable {
  readonly source: FakeEngineSource;
  readonly clock: FakeClock;
  readonly watch: EngineWatch;
  readonly cursor: EventCursor;
  readonly read: string[];
  readonly lines: string[];
  /** Kinds of all changes except creations and starts; `die!` was recovered. */
  readonly kinds: () => string[];
  readonly parseErrors: () => number;
  readonly uninspected: () => number;
  readonly listed: () => number;
  /** Aborts the watch and waits for its end. */
  readonly stop: () => Promise<void>;
}

function watched(source: FakeEngineSource, resume?: CursorResume): Watched {
  const recorded = recordedFleet();
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const read: string[] = [];
  let [parseErrors, uninspected, listed] = [0, 0, 0];
  const cursor = new EventCursor();
  if (resume !== undefined) cursor.restore(resume);
  const bus = new EventBus(log);
  bus.subscribe("change", (change) => void recorded.changes.push(change));
  bus.subscribe("stateRead", ({ record }) => void read.push(record.identity.name));
  bus.subscribe("parseError", ({ source }) => {
    if (source === "inspect") uninspected++;
    else parseErrors++;
  });
  bus.subscribe("listed", () => void listed++);
  const watch = new EngineWatch({
    source,
    fleet: recorded.fleet,
    clock,
    log,
    cursor,
    bus,
  });
  const end = new AbortController();
  const done = watch.run(end.signal);
  const stop = async (): Promise<void> => {
    end.abort();
    await done;
  };
  return {
    ...recorded,
    source,
    clock,
    watch,
    cursor,
    read,
    lines,
    kinds: () =>
      recorded.changes.map(
        ({ kind, recovered }) => kind.replace("container.", "") + (recovered ? "!" : ""),
      ),
    parseErrors: () => parseErrors,
    uninspected: () => uninspected,
    listed: () => listed,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Returns a watch that has listed the running container `web`. */
async function running(resume?: CursorResume): Promise<Watched> {
  const source = new FakeEngineSource();
  source.put(containerDetails("web", { startedAtNs: 500n }));
  const result = watched(source, resume);
  await turns();
  result.source.calls.length = 0;
  result.read.length = 0;
  return result;
}

test("opens the stream first, then lists, then inspects all", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("web"), containerDetails("db", { status: "exited" }));
  await using watching = watched(source);
  expect(watching.watch).toMatchObject({ up: false, listed: false });
  const beginNs = watching.clock.nowNs();
  await turns();
  expect(source.calls.slice(0, 3)).toEqual([`events since ${beginNs}`, "list", "inspect db web"]);
  expect(watching.watch).toMatchObject({ up: true, listed: true, reconnects: 0 });
  expect(watching.record("web").status).toBe("running");
  expect(watching.read.sort()).toEqual(["db", "web"]);
  expect(watching.kinds()).toEqual([]);
  expect(watching.listed()).toBe(1);
});

test("is not up before the first snapshot is folded in", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("web"));
  const inspected = Promise.withResolvers<void>();
  source.inspecting = inspected.promise;
  await using watching = watched(source);
  await turns();
  expect(watching.watch).toMatchObject({ up: false, listed: false });
  expect(watching.cursor.resume()).toBeUndefined();
  inspected.resolve();
  await turns();
  expect(watching.watch).toMatchObject({ up: true, listed: true });
  expect(watching.cursor.resume()).toBeDefined();
});

test("watches an engine without containers", async () => {
  await using watching = watched(new FakeEngineSource());
  await turns();
  expect(watching.watch).toMatchObject({ up: true, listed: true });
});

test("keeps events that arrive during the snapshot", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("web"), containerDetails("db"));
  const listed = Promise.withResolvers<void>();
  source.listing = listed.promise;
  await using watching = watched(source);
  await turns();
  const inspected = Promise.withResolvers<void>();
  source.inspecting = inspected.promise;
  listed.resolve();
  await turns();
  const nowNs = watching.clock.nowNs() + 1n;
  source.emit(engineEvent("die", "web", { timeNs: nowNs, exitCode: "3" }));
  source.emit(engineEvent("pause", "db", { timeNs: nowNs }));
  source.put(
    containerDetails("web", { status: "exited", finishedAtNs: nowNs - 1n, exitCode: 3 }),
    containerDetails("db", { status: "paused" }),
  );
  inspected.resolve();
  await turns();
  expect(watching.record("web")).toMatchObject({ status: "exited", lastExitCode: 3 });
  expect(watching.record("db").status).toBe("paused");
  expect(source.calls.filter((call) => call.startsWith("inspect"))).toEqual([
    "inspect db web",
    "inspect db web",
  ]);
  expect(watching.kinds()).toEqual(["die", "pause"]);
});

test.each(["create", "start", "stop", "die", "rename", "restart", "health_status"])(
  "inspects once after a burst of %s",
  async (action) => {
    await using watching = await running();
    const { source, clock } = watching;
    for (const timeNs of [1n, 2n, 3n]) {
      source.emit(engineEvent(action, "web", { timeNs: clock.nowNs() + timeNs }));
    }
    await turns();
    expect(source.calls).toEqual(["inspect web"]);
    expect(watching.read.length).toBeGreaterThan(3);
  },
);

test("inspects an unknown container when it is renamed", async () => {
  await using watching = await running();
  const { source, clock, fleet } = watching;
  source.put(containerDetails("db"));
  source.emit(
    engineEvent("rename", "db", { timeNs: clock.nowNs() + 1n, oldName: "/of-no-interest" }),
  );
  await turns();
  expect(source.calls).toEqual(["inspect db"]);
  expect(fleet.get(idOf("db"))?.status).toBe("running");
  expect(watching.kinds()).toEqual([]);
});

test.each(["oom", "health_status: healthy"])("inspects nothing after %s", async (action) => {
  await using watching = await running();
  watching.source.emit(engineEvent(action, "web", { timeNs: watching.clock.nowNs() + 1n }));
  await turns();
  expect(watching.source.calls).toEqual([]);
  expect(watching.read).toEqual(["web"]);
});

test("keeps the state of an event when an older answer arrives", async () => {
  await using watching = await running();
  const { source, clock, record } = watching;
  const inspected = Promise.withResolvers<void>();
  source.inspecting = inspected.promise;
  const nowNs = clock.nowNs();
  source.emit(engineEvent("start", "web", { timeNs: nowNs }));
  await turns();
  source.put(containerDetails("web", { health: "unhealthy", startedAtNs: nowNs }));
  source.emit(engineEvent("health_status: unhealthy", "web", { timeNs: nowNs + 1n }));
  inspected.resolve();
  await turns();
  expect(record("web").health).toBe("unhealthy");
});

test("ignores a destroyed container when an older answer arrives", async () => {
  await using watching = await running();
  const { source, clock, fleet, record } = watching;
  const inspected = Promise.withResolvers<void>();
  source.inspecting = inspected.promise;
  source.emit(engineEvent("die", "web", { timeNs: clock.nowNs() + 1n }));
  await turns();
  source.emit(engineEvent("destroy", "web", { timeNs: clock.nowNs() + 2n }));
  inspected.resolve();
  await turns();
  expect(fleet.get(idOf("web"))).toBeUndefined();
  expect(record("web").destroyedAtNs).toBeDefined();
  expect(watching.kinds()).toEqual(["die", "destroy"]);
});

test("ignores a container that is destroyed during the first listing", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("web"));
  const inspected = Promise.withResolvers<void>();
  source.inspecting = inspected.promise;
  await using watching = watched(source);
  await turns();
  source.emit(engineEvent("destroy", "web", { timeNs: watching.clock.nowNs() + 1n }));
  inspected.resolve();
  await turns();
  expect([...watching.fleet.containers()]).toEqual([]);
});

test("reopens a stream from the last event when it ends", async () => {
  await using watching = await running();
  const { source, clock, watch } = watching;
  const lastNs = clock.nowNs() + 5n * SECOND_NS;
  const events = [
    engineEvent("die", "web", { timeNs: lastNs, exitCode: "1" }),
    engineEvent("start", "web", { timeNs: lastNs }),
  ];
  source.emit(...events);
  await turns();
  source.end(new Error("broken pipe"));
  await turns();
  expect(watch.up).toBe(false);
  expect(watching.kinds()).toEqual(["die", "start"]);
  source.calls.length = 0;
  // The events are in the past.
  clock.setNowMs(clock.nowMs() + 5_000);
  await clock.advance(250);
  await turns();
  expect(watching.kinds().slice(2)).toEqual(["monitor.lost", "monitor.recovered"]);
  expect(watching.changes[2]).toMatchObject({
    detail: "docker events stream failed: broken pipe",
    identity: undefined,
  });
  expect(source.calls[0]).toBe(`events since ${lastNs - SECOND_NS}`);
  expect(watch).toMatchObject({ up: true, listed: true, reconnects: 1 });
  source.emit(...events);
  expect(watching.record("web").counters).toMatchObject({ starts: 1 });
  expect(watching.kinds()).toHaveLength(4);
});

test("replays the events of a gap, and recovers the rest", async () => {
  await using watching = await running();
  const { source, clock } = watching;
  source.end();
  const nowNs = clock.nowNs() + SECOND_NS / 10n;
  source.kept = [engineEvent("die", "web", { timeNs: nowNs, exitCode: "4" })];
  source.put(
    containerDetails("web", {
      status: "exited",
      finishedAtNs: nowNs,
      exitCode: 4,
      oomKilled: true,
    }),
    containerDetails("new", { createdAtNs: nowNs, startedAtNs: nowNs }),
  );
  await clock.advance(250);
  await turns();
  const kinds = ["die", "oom!", "create!", "start!"];
  expect(watching.kinds()).toEqual(["monitor.lost", ...kinds, "monitor.recovered"]);
  expect(watching.changes.at(-1)?.detail).toBe(
    "docker events stream restored, 3 missed changes found",
  );
});

test("emits recovered destroys when containers vanished in a gap", async () => {
  await using watching = await running();
  const { source, clock, record } = watching;
  source.end();
  source.containers.clear();
  await clock.advance(250);
  await turns();
  expect(watching.kinds()).toEqual(["monitor.lost", "die!", "destroy!", "monitor.recovered"]);
  expect(record("web").alive).toBe(false);
  expect(watching.read.at(-1)).toBe("web");
});

test("keeps the names after renames in a gap", async () => {
  await using watching = await running();
  const { source, clock, record } = watching;
  source.emit(engineEvent("start", "web", { timeNs: clock.nowNs() }));
  source.emit(engineEvent("start", "gone", { timeNs: clock.nowNs() }));
  source.end();
  const web = record("web");
  source.containers.clear();
  const named = (name: string, id: string) =>
    containerDetails(name, { identity: identityOf(name, { id }) });
  // The new one is inspected before the one that had its name.
  source.put(
    named("web", idOf("new")),
    named("old-web", idOf("web")),
    named("gone", idOf("again")),
  );
  await clock.advance(250);
  await turns();
  expect(record("old-web")).toBe(web);
  expect(web.counters.starts).toBe(1);
  expect(record("web").counters.starts).toBe(1);
  // Removed and created again unseen: its counters continue.
  expect(record("gone").counters.starts).toBe(2);
  expect(record("gone").counters.exits).toEqual(new Map([[undefined, 1]]));
});

test("emits one error and retries with growing delays when the engine is unavailable", async () => {
  const source = new FakeEngineSource();
  source.fault = new Error("cannot connect");
  await using watching = watched(source);
  const { clock, watch } = watching;
  await clock.advance(120_000);
  const attempts = source.calls.filter((call) => call.startsWith("events")).length;
  expect(attempts).toBeGreaterThanOrEqual(8);
  expect(attempts).toBeLessThanOrEqual(20);
  expect(clock.nextTimerMs).toBeLessThanOrEqual(30_000);
  expect(watching.kinds()).toEqual(["monitor.error"]);
  expect(watching.changes[0]).toMatchObject({
    detail: "docker events unavailable: cannot connect",
  });
  expect(watch).toMatchObject({ up: false, listed: false, reconnects: 0 });
  source.fault = undefined;
  await clock.advance(30_000);
  expect(watch).toMatchObject({ up: true, listed: true, reconnects: 0 });
  expect(watching.kinds()).toEqual(["monitor.error", "monitor.recovered"]);
});

test("starts with short delays again after a success", async () => {
  await using watching = await running();
  const { source, clock, watch } = watching;
  for (let loss = 0; loss < 5; loss++) {
    source.end();
    await clock.advance(250);
    await turns();
    expect(watch.up).toBe(true);
  }
  expect(watch.reconnects).toBe(5);
});

test("ends the attempt and its stream when the listing fails", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("web"));
  const failed = Promise.reject(new Error("ps failed"));
  failed.catch(() => {});
  source.listing = failed;
  await using watching = watched(source);
  await turns();
  expect(source.isOpen).toBe(false);
  await watching.clock.advance(250);
  expect(watching.changes[0]).toMatchObject({
    kind: "monitor.error",
    detail: "docker events unavailable: ps failed",
  });
  source.listing = Promise.resolve();
  await watching.clock.advance(1_000);
  expect(watching.watch.up).toBe(true);
});

test("fails the attempt when the stream ends during the listing", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("web"));
  const inspected = Promise.withResolvers<void>();
  source.inspecting = inspected.promise;
  await using watching = watched(source);
  await turns();
  source.end();
  inspected.resolve();
  await turns();
  expect(watching.watch).toMatchObject({ up: false, listed: false });
  await watching.clock.advance(250);
  await turns();
  expect(watching.watch).toMatchObject({ up: true, listed: true });
});

test("repeats a failed inspection after a delay and keeps the stream", async () => {
  await using watching = await running();
  const { source, clock, watch, record, lines } = watching;
  const failed = Promise.reject(new Error("engine busy"));
  failed.catch(() => {});
  source.inspecting = failed;
  source.put(containerDetails("web", { runsSystemd: true }));
  source.emit(engineEvent("start", "web", { timeNs: clock.nowNs() }));
  await turns();
  expect(lines).toContain('level=warn msg="inspect failed" err="engine busy"');
  expect(record("web").runsSystemd).toBe(false);
  source.inspecting = Promise.resolve();
  await clock.advance(250);
  await turns();
  expect(record("web").runsSystemd).toBe(true);
  expect(watch.up).toBe(true);
  expect(watching.kinds()).toEqual(["start"]);
});

test("shows a container as exited when its restart is cancelled or fails without an event", async () => {
  await using watching = await running();
  const { source, clock, record } = watching;
  const crash = async (restartCount: number): Promise<void> => {
    const nowNs = clock.nowNs();
    const facts = { startedAtNs: nowNs - SECOND_NS, finishedAtNs: nowNs, restartCount };
    source.put(containerDetails("web", { ...facts, status: "restarting" }));
    source.emit(engineEvent("die", "web", { timeNs: nowNs + 1n, exitCode: "3" }));
    await turns();
    expect(record("web").status).toBe("restarting");
    source.put(containerDetails("web", { ...facts, status: "exited", exitCode: 3 }));
  };
  await crash(11);
  source.emit(engineEvent("stop", "web", { timeNs: clock.nowNs() + 2n }));
  await turns();
  expect(record("web").status).toBe("exited");

  await clock.advance(1_000);
  source.emit(engineEvent("start", "web", { timeNs: clock.nowNs() }));
  await crash(11);
  await clock.advance(61_999);
  expect(record("web").status).toBe("restarting");
  await clock.advance(1);
  expect(record("web").status).toBe("exited");
  expect(watching.kinds().filter((kind) => kind !== "restart")).toEqual([
    "die",
    "stop",
    "start",
    "die",
  ]);
});

test("logs failed inspections once a minute, with the number of the others", async () => {
  await using watching = await running();
  const { source, clock, lines } = watching;
  source.fault = new Error("engine shuts down");
  source.emit(engineEvent("start", "web", { timeNs: clock.nowNs() }));
  await clock.advance(59_999);
  const failures = (): string[] => lines.filter((line) => line.includes("inspect failed"));
  expect(failures()).toEqual(['level=warn msg="inspect failed" err="engine shuts down"']);
  await clock.advance(60_000);
  expect(failures()).toHaveLength(2);
  expect(failures()[1]).toMatch(/ suppressed=\d+$/);
});

test("takes a snapshot at the interval and recovers lost events", async () => {
  await using watching = await running();
  const { source, clock, lines } = watching;
  await clock.advance(599_999);
  expect(source.calls).toEqual([]);
  await clock.advance(1);
  expect(source.calls).toContain("list");
  expect(source.calls).toContain("inspect web");
  expect(watching.kinds()).toEqual([]);
  source.put(
    containerDetails("web", { status: "exited", finishedAtNs: clock.nowNs(), exitCode: 5 }),
  );
  await clock.advance(600_000);
  expect(watching.kinds()).toEqual(["die!"]);
  expect(lines).toContain('level=warn msg="missed changes recovered" recovered=1');
  await clock.advance(600_000);
  expect(watching.kinds()).toEqual(["die!"]);
});

test("only logs when a periodic snapshot fails", async () => {
  await using watching = await running();
  const { source, clock, watch, lines } = watching;
  source.fault = new Error("engine busy");
  await clock.advance(600_000);
  expect(lines).toContain('level=warn msg="engine snapshot failed" err="engine busy"');
  expect(watch.up).toBe(true);
  source.fault = undefined;
  source.calls.length = 0;
  await clock.advance(600_000);
  expect(source.calls).toContain("list");
});

test("resumes from the position of an earlier process", async () => {
  const first = await running();
  first.source.emit(engineEvent("pause", "web", { timeNs: first.clock.nowNs() + SECOND_NS }));
  await turns();
  const resume = first.cursor.resume();
  const web = first.record("web").resume();
  await first.stop();
  if (resume === undefined || web === undefined) throw new Error("nothing to resume from");

  const source = new FakeEngineSource();
  source.kept = [...first.source.kept];
  source.put(containerDetails("web", { status: "exited", finishedAtNs: resume.lastNs + 9n }));
  await using watching = watched(source, resume);
  watching.fleet.restore([web]);
  await turns();
  expect(source.calls[0]).toBe(`events since ${resume.beginNs}`);
  expect(watching.kinds()).toEqual(["die!"]);
  expect(watching.lines).toContain('level=info msg="resumed from stored position" recovered=1');
});

test("publishes parse errors", async () => {
  await using watching = await running();
  watching.source.emitNonsense();
  watching.source.emitNonsense();
  expect(watching.parseErrors()).toBe(2);
});

test("ends the stream, requests and timers when it is aborted", async () => {
  const watching = await running();
  const { source, clock } = watching;
  expect(source.isOpen).toBe(true);
  await watching.stop();
  expect(source.isOpen).toBe(false);
  expect(watching.watch.up).toBe(false);
  expect(clock.pendingTimers).toBe(0);
  expect(watching.kinds()).toEqual([]);
});

test("ends when it is aborted during a delay or a request", async () => {
  const missing = new FakeEngineSource();
  missing.fault = new Error("cannot connect");
  const waiting = watched(missing);
  await turns();
  await waiting.stop();
  expect(waiting.clock.pendingTimers).toBe(0);
  expect(waiting.kinds()).toEqual([]);

  const slow = new FakeEngineSource();
  slow.put(containerDetails("web"));
  const inspected = Promise.withResolvers<void>();
  slow.inspecting = inspected.promise;
  const asking = watched(slow);
  await turns();
  const stopped = asking.stop();
  inspected.reject(new Error("killed"));
  await stopped;
  expect(asking.kinds()).toEqual([]);
  expect(asking.clock.pendingTimers).toBe(0);
});

test("loses no event when the clock was set back, and waits a second once", async () => {
  class Waiting extends FakeEngineSource {
    nowNs = 0n;
    /** Waits, as engines do, if the end of a replay is in the future. */
    override async replay(...asked: Parameters<FakeEngineSource["replay"]>): Promise<void> {
      await super.replay(...asked);
      if (asked[1].untilNs > this.nowNs) await new Promise(() => {});
    }
  }
  const source = new Waiting();
  const nowNs = new FakeClock().nowNs();
  source.nowNs = nowNs + 60n * SECOND_NS;
  source.put(containerDetails("web", { startedAtNs: nowNs - 20n * SECOND_NS }));
  const beginNs = nowNs - 100n * SECOND_NS;
  const aheadNs = nowNs + 3_600n * SECOND_NS;
  const started = engineEvent("start", "web", { timeNs: aheadNs });
  const seen = [`${aheadNs} ${idOf("web")} start`];
  source.kept = [
    started,
    engineEvent("die", "web", { timeNs: nowNs - 30n * SECOND_NS, exitCode: "3" }),
  ];
  source.kept.push(engineEvent("start", "web", { timeNs: nowNs - 20n * SECOND_NS }));
  await using watching = watched(source, { beginNs, lastNs: aheadNs, seen, count: 1 });
  await turns();
  expect(watching.watch.listed).toBe(false);
  await watching.clock.advance(1_000);
  expect(watching.watch.listed).toBe(true);
  expect(watching.record("web").counters.exits).toEqual(new Map([[3, 1]]));
  expect(watching.cursor.resume()?.lastNs).toBeLessThan(aheadNs);

  source.calls.length = 0;
  source.end();
  await watching.clock.advance(300);
  await turns();
  expect(watching.watch.up).toBe(true);
  expect(source.calls[0]).toBe(`events since ${nowNs - SECOND_NS}`);
});

test("keeps exit codes when the clock was set back before all seen events", async () => {
  const source = new FakeEngineSource();
  const nowNs = new FakeClock().nowNs();
  const hour = 3_600n * SECOND_NS;
  const aheadNs = nowNs + hour;
  const started = engineEvent("start", "web", { timeNs: aheadNs });
  source.kept = [
    engineEvent("die", "web", { timeNs: nowNs - hour, exitCode: "9" }),
    started,
    engineEvent("die", "web", { timeNs: nowNs - 9n, exitCode: "3" }),
    engineEvent("start", "web", { timeNs: nowNs - 8n }),
  ];
  source.put(containerDetails("web", { startedAtNs: nowNs - 8n }));
  const seen = [`${aheadNs} ${idOf("web")} start`];
  await using watching = watched(source, {
    beginNs: aheadNs - 1n,
    lastNs: aheadNs,
    seen,
    count: 1,
  });
  watching.fleet.restore([
    {
      identity: containerDetails("web").identity,
      status: "running",
      health: undefined,
      startedAtNs: aheadNs,
      finishedAtNs: aheadNs - 5n,
      lastExitCode: 9,
      restartsSeen: 0,
      oom: "none",
      runsSystemd: false,
      lives: { open: 1, lastStartNs: aheadNs, unmatched: 0 },
      systemd: undefined,
    },
  ]);
  await watching.clock.advance(1_000);
  expect(watching.watch.listed).toBe(true);
  expect(watching.record("web").counters.exits).toEqual(new Map([[3, 1]]));
  expect(watching.record("web").lastExitCode).toBe(3);
  expect(watching.fleet.recovered).toBe(0);
});

test("lists, counts, logs once and retries a container when its inspection fails", async () => {
  const source = new FakeEngineSource();
  source.put(
    containerDetails("bad", { status: "paused", health: "healthy" }),
    containerDetails("web", { health: "healthy" }),
  );
  source.broken.add("bad");
  await using watching = watched(source);
  const { clock, watch, record, lines } = watching;
  await turns();
  expect(watch).toMatchObject({ up: true, listed: true });
  expect(record("web").health).toBe("healthy");
  expect(record("bad")).toMatchObject({ status: "paused", health: undefined });
  expect(watching.read.sort()).toEqual(["bad", "web"]);
  expect(watching.uninspected()).toBe(1);
  source.calls.length = 0;
  await clock.advance(60_000);
  expect(watching.uninspected()).toBeGreaterThan(4);
  expect(clock.nextTimerMs).toBeLessThanOrEqual(30_000);
  expect(new Set(source.calls.filter((call) => !call.startsWith("replay")))).toEqual(
    new Set(["inspect bad"]),
  );
  const inspections = lines.filter((line) => line.includes("container inspection"));
  expect(inspections).toEqual([
    'level=warn msg="container inspection failed, using its listing" container=bad err=boom',
  ]);
  source.broken.clear();
  await clock.advance(30_000);
  expect(record("bad").health).toBe("healthy");
  expect(lines.at(-1)).toBe('level=info msg="container inspection restored" container=bad');
  expect(watching.kinds()).toEqual([]);
  source.calls.length = 0;
  source.emit(engineEvent("pause", "bad", { timeNs: clock.nowNs() }));
  await turns();
  expect(source.calls).toEqual(["inspect bad"]);
  await clock.advance(60_000);
  expect(source.calls).toHaveLength(1);
});

test("retries a failing container at once after its event, without delay of others", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("bad"), containerDetails("web"));
  source.broken.add("bad");
  await using watching = watched(source);
  const { clock, record } = watching;
  await clock.advance(60_000);
  source.broken.clear();
  const hanging = Promise.withResolvers<void>();
  source.inspecting = hanging.promise;
  source.calls.length = 0;
  source.emit(engineEvent("restart", "bad", { timeNs: clock.nowNs() }));
  await turns();
  expect(source.calls).toContain("inspect bad");
  source.inspecting = Promise.resolve();
  source.put(containerDetails("web", { runsSystemd: true }));
  source.emit(engineEvent("restart", "web", { timeNs: clock.nowNs() }));
  await turns();
  expect(record("web").runsSystemd).toBe(true);
  expect(record("bad").runsSystemd).toBeUndefined();
  // An event during the request: the answer may be older.
  source.emit(engineEvent("restart", "bad", { timeNs: clock.nowNs() + 1n }));
  source.put(containerDetails("bad", { runsSystemd: true }));
  hanging.resolve();
  await turns();
  expect(record("bad").runsSystemd).toBe(true);
  expect(watching.kinds()).toEqual([]);
});

test("stops the retries of a container when it is destroyed", async () => {
  const source = new FakeEngineSource();
  source.put(containerDetails("bad"));
  source.broken.add("bad");
  await using watching = watched(source);
  await turns();
  source.containers.clear();
  source.emit(engineEvent("destroy", "bad", { timeNs: watching.clock.nowNs() }));
  await turns();
  source.calls.length = 0;
  await watching.clock.advance(60_000);
  expect(source.calls).toEqual([]);
  expect(watching.kinds()).toEqual(["die!", "destroy"]);
});
