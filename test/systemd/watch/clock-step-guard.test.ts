import { expect, test } from "@jest/globals";
import type { JournalEntry } from "../../../src/domain/systemd.ts";
import { EventBus } from "../../../src/state/event-bus.ts";
import { SystemdWatch } from "../../../src/systemd/watch/systemd-watch.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeSystemdSource } from "../../support/fake-systemd-source.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";
import { journalEntry, serviceSignal, unitRow, unitSignal } from "../../support/systemd-facts.ts";

const SECOND = 1_000_000_000n;
const NODE = "sind-dev-worker-0";

/** A watch whose stream stands, over a unit that is active. */
function standing(restored?: bigint) {
  const recorded = recordedFleet();
  const clock = new FakeClock();
  const source = new FakeSystemdSource();
  recorded.happens("create", NODE);
  recorded.happens("start", NODE);
  recorded.changes.length = 0;
  const record = recorded.record(NODE);
  if (restored !== undefined) record.systemd.journalCursor.restore(String(restored));
  const { log } = recordedLog(clock);
  const watch = new SystemdWatch({
    record,
    source,
    clock,
    log,
    bus: new EventBus(log),
  });
  const ROWS = [unitRow("a.service", "active", "running")];
  const attach = (journal: readonly JournalEntry[] = []): bigint | undefined => {
    const { take } = source.latest;
    const sinceNs = take({
      kind: "attached",
      transport: "dbus",
      atNs: clock.nowNs(),
    })?.journalSinceNs;
    take({
      kind: "recovered",
      entries: sinceNs === undefined ? [] : journal.filter((e) => e.timeNs >= sinceNs),
    });
    take({ kind: "listed", rows: ROWS, asOfNs: clock.nowNs() });
    return sinceNs;
  };
  const fails = (): void => {
    const { take } = source.latest;
    const timeNs = clock.nowNs();
    const told = { stateChangeNs: timeNs, timeNs };
    take(serviceSignal({ result: "exit-code", timeNs }));
    take(unitSignal({ activeState: "failed", ...told }));
    take(unitSignal({ activeState: "active", ...told }));
  };
  const unit = () => record.systemd.units.get("a.service");
  return {
    clock,
    source,
    attach,
    fails,
    failures: () => unit()?.failures.get("exit-code") ?? 0,
    [Symbol.asyncDispose]: () => watch.stop(),
  };
}

async function lost({ source, clock }: { source: FakeSystemdSource; clock: FakeClock }) {
  source.latest.end();
  await clock.advance(250);
}

const failure = (timeNs: bigint): JournalEntry => journalEntry({ timeNs });

test("a gap after the clock was set back is read from where it began", async () => {
  await using watching = standing();
  const { clock, attach, fails, failures } = watching;
  attach();
  await clock.advance(600_000);
  fails();
  const oldNs = clock.nowNs();
  // Half an hour of the old time was told when it is set back by an hour.
  clock.setNowMs(clock.nowMs() - 3_600_000);
  await clock.advance(5_000);
  await lost(watching);
  await clock.advance(10_000);
  const missedNs = clock.nowNs() - 3n * SECOND;
  const journal = [failure(oldNs - 1n), failure(missedNs), failure(missedNs + 1n)];
  const sinceNs = attach(journal);
  expect(sinceNs).toBeLessThanOrEqual(clock.nowNs() - 15n * SECOND);
  expect(failures()).toBe(3);
  await lost(watching);
  expect(attach([...journal, failure(clock.nowNs())])).toBe(missedNs + 1n - SECOND);
  expect(failures()).toBe(4);
});

test("what was counted at the same times before is not counted twice", async () => {
  await using watching = standing();
  const { clock, attach, fails, failures } = watching;
  attach();
  const told: bigint[] = [];
  for (let i = 0; i < 60; i++) {
    await clock.advance(1_000);
    told.push(clock.nowNs());
    fails();
  }
  clock.setNowMs(clock.nowMs() - 40_000);
  for (let i = 0; i < 5; i++) {
    await clock.advance(1_000);
    told.push(clock.nowNs());
    fails();
  }
  expect(failures()).toBe(65);
  await lost(watching);
  await clock.advance(5_000);
  attach([...told.map((timeNs) => failure(timeNs - 1_000n)), failure(clock.nowNs() - SECOND)]);
  expect(failures()).toBe(66);
});

test("what happens after it, on the stream that stands, is under watch", async () => {
  await using watching = standing();
  const { clock, source, attach } = watching;
  attach();
  clock.setNowMs(clock.nowMs() - 60_000);
  const timeNs = clock.nowNs();
  const failed = { unit: "new.service", activeState: "failed", stateChangeNs: timeNs } as const;
  source.latest.take(unitSignal({ ...failed, timeNs }));
  await lost(watching);
  expect(attach()).toBeLessThanOrEqual(timeNs);
});

test("where it was set back between two processes, gaps are read from then on", async () => {
  const aheadNs = new FakeClock().nowNs() + 3_600n * SECOND;
  await using watching = standing(aheadNs);
  const { clock, attach, failures } = watching;
  const beginNs = clock.nowNs();
  const old = failure(aheadNs - 1n);
  expect(attach([old])).toBe(beginNs);
  expect(failures()).toBe(0);
  await lost(watching);
  await clock.advance(5_000);
  expect(attach([old, failure(clock.nowNs() - 1n)])).toBe(beginNs);
  expect(failures()).toBe(1);
});

test("another engine's clock that is a little ahead is let be", async () => {
  const aheadNs = new FakeClock().nowNs() + 290n * SECOND;
  await using watching = standing(aheadNs);
  expect(watching.attach()).toBe(aheadNs);
});

test("what another engine tells by a clock that is far ahead is counted once", async () => {
  await using watching = standing();
  const { source, attach, failures } = watching;
  attach();
  const aheadNs = watching.clock.nowNs() + 3_600n * SECOND;
  const told = { stateChangeNs: aheadNs, timeNs: aheadNs };
  source.latest.take(serviceSignal({ result: "exit-code" }));
  source.latest.take(unitSignal({ activeState: "failed", ...told }));
  source.latest.take(unitSignal({ activeState: "active", ...told }));
  await lost(watching);
  expect(attach([failure(aheadNs - 1n)])).toBe(aheadNs - SECOND);
  expect(failures()).toBe(1);
});
