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

/** Starts a watch with an open stream, over a unit that is active. */
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
    const times = { stateChangeNs: timeNs, timeNs };
    take(serviceSignal({ result: "exit-code", timeNs }));
    take(unitSignal({ activeState: "failed", ...times }));
    take(unitSignal({ activeState: "active", ...times }));
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

test("reads a gap from its beginning when the clock was set back", async () => {
  await using watching = standing();
  const { clock, attach, fails, failures } = watching;
  attach();
  await clock.advance(600_000);
  fails();
  const oldNs = clock.nowNs();
  // Half an hour of the old time has passed when the clock is set back by an hour.
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

test("counts nothing twice when the same times come again", async () => {
  await using watching = standing();
  const { clock, attach, fails, failures } = watching;
  attach();
  const times: bigint[] = [];
  for (let i = 0; i < 60; i++) {
    await clock.advance(1_000);
    times.push(clock.nowNs());
    fails();
  }
  clock.setNowMs(clock.nowMs() - 40_000);
  for (let i = 0; i < 5; i++) {
    await clock.advance(1_000);
    times.push(clock.nowNs());
    fails();
  }
  expect(failures()).toBe(65);
  await lost(watching);
  await clock.advance(5_000);
  attach([...times.map((timeNs) => failure(timeNs - 1_000n)), failure(clock.nowNs() - SECOND)]);
  expect(failures()).toBe(66);
});

test("takes what follows on the open stream as under watch", async () => {
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

test("reads gaps from now on when the clock was set back between two processes", async () => {
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

test("changes nothing when another engine's clock is a little ahead", async () => {
  const aheadNs = new FakeClock().nowNs() + 290n * SECOND;
  await using watching = standing(aheadNs);
  expect(watching.attach()).toBe(aheadNs);
});

test("counts once when another engine's clock is far ahead", async () => {
  await using watching = standing();
  const { source, attach, failures } = watching;
  attach();
  const aheadNs = watching.clock.nowNs() + 3_600n * SECOND;
  const times = { stateChangeNs: aheadNs, timeNs: aheadNs };
  source.latest.take(serviceSignal({ result: "exit-code" }));
  source.latest.take(unitSignal({ activeState: "failed", ...times }));
  source.latest.take(unitSignal({ activeState: "active", ...times }));
  await lost(watching);
  expect(attach([failure(aheadNs - 1n)])).toBe(aheadNs - SECOND);
  expect(failures()).toBe(1);
});
