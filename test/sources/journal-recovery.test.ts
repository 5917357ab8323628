import { expect, test } from "@jest/globals";
import { JournalRecovery } from "../../src/sources/journal-recovery.ts";
import { FakeRuntime } from "../support/systemd/fake-runtime.ts";
import { turns } from "../support/turns.ts";

function recovery() {
  const runtime = new FakeRuntime();
  const abort = new AbortController();
  const journal = new JournalRecovery({ runtime, container: "c0ffee" });
  return { runtime, abort, missed: (sinceNs?: bigint) => journal.missed(sinceNs, abort.signal) };
}

const PAUSED = new Error("container is paused");

test("without a gap the journal isn't asked", async () => {
  const { runtime, missed } = recovery();
  expect(await missed()).toEqual([]);
  expect(runtime.history).toEqual([]);
});

test("a journal that can't be read just now is an error, until that goes on", async () => {
  const { runtime, missed } = recovery();
  runtime.journal = PAUSED;
  await expect(missed(1n)).rejects.toBe(PAUSED);
  await expect(missed(1n)).rejects.toBe(PAUSED);
  expect(await missed(1n)).toBeUndefined();
  runtime.journal = {};
  expect(await missed(1n)).toEqual([]);
  runtime.journal = PAUSED;
  await expect(missed(1n)).rejects.toBe(PAUSED);
});

test.each([
  ["no journalctl", {}, { exitCode: 127 }],
  ["no journald", { exitCode: 1 }, {}],
])("in a container with %s it is not to be had", async (_what, sync, journal) => {
  const { runtime, missed } = recovery();
  Object.assign(runtime, { sync, journal });
  expect(await missed(1n)).toBeUndefined();
});

test("an abort is an error, and no failure of the journal", async () => {
  const { runtime, abort, missed } = recovery();
  runtime.journal = new Promise(() => {});
  const reading = missed(1n);
  await turns();
  abort.abort(PAUSED);
  await expect(reading).rejects.toBe(PAUSED);
});

test("it is read by one at a time", async () => {
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
