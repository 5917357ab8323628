import { expect, test } from "@jest/globals";
import { JournalRecovery } from "../../../src/systemd/session/journal-recovery.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeRuntime, type JournalAnswer } from "../../support/systemd/fake-runtime.ts";
import { turns } from "../../support/turns.ts";

function recovery() {
  const runtime = new FakeRuntime();
  const abort = new AbortController();
  const streamEnd = new AbortController();
  const signals = { signal: abort.signal, streamEnd: streamEnd.signal };
  const clock = new FakeClock();
  const journal = new JournalRecovery({ runtime, container: "c0ffee", clock });
  return {
    runtime,
    abort,
    streamEnd,
    clock,
    missed: (sinceNs?: bigint) => journal.missed(sinceNs, signals),
    /** Number of times that the journal was read. */
    reads: () => runtime.history.filter((line) => line === "journal read").length,
  };
}

const PAUSED = new Error("container is paused");

test("reads no journal when there is no gap", async () => {
  const { runtime, missed } = recovery();
  expect(await missed()).toEqual([]);
  expect(runtime.history).toEqual([]);
});

const BROKEN = { exitCode: 1, stderr: "No journal files were opened" };

test.each<[string, JournalAnswer, number]>([
  ["the way to it", PAUSED, 60_000],
  ["its command, which is cut off,", { exitCode: undefined }, 60_000],
  ["the engine", { exitCode: 1, stderr: "Error response from daemon: paused" }, 60_000],
  ["its start", { exitCode: 126, stdout: "OCI runtime exec failed: stopped" }, 60_000],
  [
    "the engine's own file, missing at its start,",
    {
      exitCode: 127,
      stdout: "OCI runtime exec failed: setns process: fork/exec /proc/self/fd/6: no such file",
    },
    60_000,
  ],
  ["journalctl", BROKEN, 1_500],
])("%s fails: it is read again until that lasts", async (_what, answer, limitMs) => {
  const { runtime, clock, missed, reads } = recovery();
  runtime.journal = answer;
  let isReading = true;
  const reading = missed(1n).finally(() => (isReading = false));
  await clock.advance(limitMs - 1);
  expect(isReading).toBe(true);
  await clock.advance(2_000);
  expect(await reading).toBeUndefined();
  expect(reads()).toBeGreaterThanOrEqual(3);
  const before = reads();
  expect(await missed(1n)).toBeUndefined();
  expect(reads()).toBe(before + 1);
  runtime.journal = {};
  expect(await missed(1n)).toEqual([]);
});

test("reads the journal again when it is there after a moment", async () => {
  const { runtime, clock, missed, reads } = recovery();
  runtime.journal = BROKEN;
  const reading = missed(1n);
  await clock.advance(249);
  expect(reads()).toBe(1);
  runtime.journal = {};
  await clock.advance(1);
  expect(await reading).toEqual([]);
  expect(reads()).toBe(2);
  expect(clock.pendingTimers).toBe(0);
});

test("leaves the gap open when the stream ends before the journal can be read", async () => {
  const { runtime, clock, streamEnd, missed } = recovery();
  runtime.journal = BROKEN;
  const reading = missed(1n).catch(String);
  await clock.advance(0);
  streamEnd.abort();
  expect(await reading).toBe("GapError: journalctl failed: No journal files were opened");
  expect(clock.pendingTimers).toBe(0);
});

test("fails when journald is cut off while it writes", async () => {
  const { runtime, streamEnd, missed } = recovery();
  runtime.sync = { exitCode: 137 };
  streamEnd.abort();
  await expect(missed(1n)).rejects.toThrow("exit code 137");
});

test("returns undefined when the container has no journalctl", async () => {
  const { runtime, missed } = recovery();
  runtime.sync = { exitCode: 127, stdout: 'exec: "journalctl": executable file not found' };
  runtime.journal = runtime.sync;
  expect(await missed(1n)).toBeUndefined();
});

test("doesn't count an abort as a failure of the journal", async () => {
  const { runtime, abort, missed } = recovery();
  runtime.journal = new Promise(() => {});
  const reading = missed(1n);
  await turns();
  abort.abort(PAUSED);
  await expect(reading).rejects.toBe(PAUSED);
});

test("reads one at a time", async () => {
  const { runtime, missed } = recovery();
  const answer = Promise.withResolvers<{ stdout: string }>();
  runtime.journal = answer.promise;
  const first = missed(1n);
  await turns();
  const both = Promise.all([first, missed(1n)]);
  await turns();
  expect(runtime.history).toEqual(["journal sync", "journal read"]);
  answer.resolve({ stdout: "" });
  expect(await both).toEqual([[], []]);
  expect(runtime.history).toHaveLength(4);
});

test("reads once for all that wait, however many", async () => {
  const { runtime, missed, reads } = recovery();
  const answer = Promise.withResolvers<object>();
  runtime.journal = answer.promise;
  const first = missed(1n);
  await turns();
  const all = [first, ...Array.from({ length: 10 }, (_, index) => missed(BigInt(index + 1)))];
  answer.resolve({});
  expect(await Promise.all(all)).toEqual(all.map(() => []));
  expect(reads()).toBe(2);
});

test("reads nothing when its turn comes after the abort", async () => {
  const { runtime, abort, missed } = recovery();
  const answer = Promise.withResolvers<object>();
  runtime.journal = answer.promise;
  const first = missed(1n).catch(String);
  await turns();
  const reads = [first, missed(1n).catch(String)];
  runtime.history.length = 0;
  abort.abort();
  answer.resolve({});
  await Promise.all(reads);
  expect(runtime.history.filter((line) => line.startsWith("journal"))).toEqual([]);
});
