import { expect, test } from "@jest/globals";
import { JournalRecovery } from "../../../src/systemd/session/journal-recovery.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeRuntime, type JournalAnswer } from "../../support/systemd/fake-runtime.ts";
import { turns } from "../../support/turns.ts";

function recovery() {
  const runtime = new FakeRuntime();
  const abort = new AbortController();
  const clock = new FakeClock();
  const journal = new JournalRecovery({ runtime, container: "c0ffee", clock });
  return {
    runtime,
    abort,
    clock,
    missed: (sinceNs?: bigint) => journal.missed(sinceNs, abort.signal),
  };
}

const PAUSED = new Error("container is paused");

test("reads no journal when there is no gap", async () => {
  const { runtime, missed } = recovery();
  expect(await missed()).toEqual([]);
  expect(runtime.history).toEqual([]);
});

const BROKEN = { exitCode: 1, stderr: "No journal files were opened" };

test.each<[string, JournalAnswer, number, RegExp]>([
  ["the way to it", PAUSED, 60_000, /paused/],
  ["its command, which is cut off,", { exitCode: undefined }, 60_000, /exit code none/],
  ["the engine", { exitCode: 1, stderr: "Error response from daemon: paused" }, 60_000, /paused/],
  ["its start", { exitCode: 126, stdout: "OCI runtime exec failed: stopped" }, 60_000, /stopped/],
  ["journalctl", BROKEN, 3_000, /No journal files/],
])("%s fails: that is an error until it lasts", async (_what, answer, limitMs, why) => {
  const { runtime, clock, missed } = recovery();
  runtime.journal = answer;
  await expect(missed(1n)).rejects.toThrow(why);
  await clock.advance(limitMs);
  await expect(missed(1n)).rejects.toThrow(why);
  expect(await missed(1n)).toBeUndefined();
  expect(await missed(1n)).toBeUndefined();
  runtime.journal = {};
  expect(await missed(1n)).toEqual([]);
  runtime.journal = answer;
  await expect(missed(1n)).rejects.toThrow(why);
  await clock.advance(limitMs - 1);
  await expect(missed(1n)).rejects.toThrow(why);
  await expect(missed(1n)).rejects.toThrow(why);
});

test("fails when journald is cut off while it writes", async () => {
  const { runtime, missed } = recovery();
  runtime.sync = { exitCode: 137 };
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
  const both = Promise.all([missed(1n), missed(1n)]);
  await turns();
  expect(runtime.history).toEqual(["journal sync", "journal read"]);
  answer.resolve({ stdout: "" });
  expect(await both).toEqual([[], []]);
  expect(runtime.history).toHaveLength(4);
});

test("fails when more than a few reads wait", async () => {
  const { runtime, missed } = recovery();
  const answer = Promise.withResolvers<object>();
  runtime.journal = answer.promise;
  const reads = Array.from({ length: 4 }, () => missed(1n));
  await expect(missed(1n)).rejects.toThrow(
    "executes itself again faster than its journal can be read",
  );
  answer.resolve({});
  await Promise.all(reads);
  expect(await missed(1n)).toEqual([]);
});

test("reads nothing when its turn comes after the abort", async () => {
  const { runtime, abort, missed } = recovery();
  const answer = Promise.withResolvers<object>();
  runtime.journal = answer.promise;
  const reads = [missed(1n), missed(1n)].map((read) => read.catch(String));
  await turns();
  runtime.history.length = 0;
  abort.abort();
  answer.resolve({});
  await Promise.all(reads);
  expect(runtime.history.filter((line) => line.startsWith("journal"))).toEqual([]);
});
