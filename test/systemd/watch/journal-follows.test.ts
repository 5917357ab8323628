import { expect, test } from "@jest/globals";
import type { ContainerDetails } from "../../../src/domain/container.ts";
import type { FollowedEntries, FollowQuery, UnitLine } from "../../../src/domain/journal.ts";
import { EventBus } from "../../../src/state/event-bus.ts";
import { JournalError } from "../../../src/systemd/format/journal.ts";
import { JournalFollows } from "../../../src/systemd/watch/journal-follows.ts";
import { containerDetails } from "../../support/engine-facts.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { recordedFleet } from "../../support/recorded-fleet.ts";
import { recordedLog } from "../../support/recorded-log.ts";

/** One run of a follower: its query, and its end. */
interface Stream extends FollowQuery {
  readonly fail: (error: Error) => void;
}

function followed() {
  const fleet = recordedFleet();
  const clock = new FakeClock();
  const { log, lines } = recordedLog(clock);
  const bus = new EventBus(log);
  const streams: Stream[] = [];
  /** Entries and positions to store, in their order. */
  const history: string[] = [];
  const dropped: Record<string, number> = {};
  bus.subscribe("journalEntries", (entries) => {
    history.push(...entries.lines.map(({ message }) => message));
  });
  bus.subscribe("dropped", ({ stage, count }) => {
    dropped[stage] = (dropped[stage] ?? 0) + count;
  });
  const follows = new JournalFollows({
    followerOf: () => (query) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      query.signal.addEventListener("abort", () => resolve(), { once: true });
      streams.push({ ...query, fail: reject });
      return promise;
    },
    moved: ({ journalPosition: position }) => {
      history.push(position !== undefined && "cursor" in position ? position.cursor : "begin");
    },
    bus,
    clock,
    log,
  });
  const apply = (action: string): void => {
    const record = fleet.happens(action, "web");
    if (record !== undefined) follows.sync(record);
  };
  const inspect = (): void => {
    const { status, startedAtNs } = fleet.record("web");
    const details = containerDetails("web", { status, startedAtNs, runsSystemd: true });
    const record = fleet.fleet.details(details, true);
    follows.sync(record);
    record.systemd.take({ kind: "listed", rows: [], asOfNs: clock.nowNs() });
    follows.sync(record);
  };
  const stream = (at: number): Stream => {
    const { [at]: found } = streams;
    if (found === undefined) throw new Error(`there is no stream ${at}`);
    return found;
  };
  return { ...fleet, clock, lines, streams, stream, history, dropped, follows, apply, inspect };
}

const line = (message: string, isAltered = false): UnitLine => ({
  timeNs: 1n,
  message,
  priority: 6,
  pid: 1,
  identifier: "",
  invocationId: "",
  cursor: message,
  isFailure: false,
  isAltered,
  unit: "a.service",
});

const entries = (cursor: string, ...lines: readonly UnitLine[]): FollowedEntries => ({
  lines,
  cursor,
  isAfterGap: false,
});

test("follows a container from its start until it dies, then from its last entry", async () => {
  const { apply, inspect, streams, stream, history, follows, record } = followed();
  await using _follows = follows;
  apply("create");
  apply("start");
  expect(streams).toEqual([]);
  inspect();
  inspect();
  expect(streams).toHaveLength(1);
  const { startedAtNs } = record("web");
  expect(stream(0).from).toEqual({ sinceNs: startedAtNs - 500_000_000n });
  stream(0).take(entries("c2", line("one"), line("two")));
  expect(history).toEqual(["begin", "one", "two", "c2"]);
  apply("die");
  expect(stream(0).signal.aborted).toBe(true);
  // An entry that comes late is read again by the next stream.
  stream(0).take(entries("c3", line("three")));
  expect(history.at(-1)).toBe("c2");
  apply("start");
  inspect();
  expect(streams).toHaveLength(2);
  expect(stream(1).from).toEqual({ cursor: "c2" });
});

test("follows a container that ran before from now on, and one that was followed from its entry", async () => {
  const first = followed();
  await using _first = first.follows;
  const start = (more: Partial<ContainerDetails>): void => {
    const details = containerDetails("web", { runsSystemd: true, status: "running", ...more });
    const record = first.fleet.details(details, true);
    record.systemd.up = true;
    first.follows.sync(record);
  };
  start({ startedAtNs: 1n });
  const { sinceNs } = first.stream(0).from as { readonly sinceNs: bigint };
  expect(sinceNs).toBe(first.clock.nowNs());
  first.stream(0).take(entries("c9", line("nine")));
  expect(first.record("web").resume()?.journal).toEqual({ cursor: "c9" });
});

test("goes on after a stream ends, from the last entry", async () => {
  const { apply, inspect, stream, streams, clock, follows, lines } = followed();
  await using _follows = follows;
  apply("create");
  apply("start");
  inspect();
  stream(0).take(entries("c1", line("one")));
  stream(0).fail(new Error("cut"));
  await clock.advance(300);
  expect(streams).toHaveLength(2);
  expect(stream(1).from).toEqual({ cursor: "c1" });
  expect(lines).toEqual([]);
});

test("says that a journal isn't followed, once the attempts add up", async () => {
  const { apply, inspect, stream, clock, follows, lines } = followed();
  await using _follows = follows;
  apply("create");
  apply("start");
  inspect();
  for (let at = 0; at < 8; at += 1) {
    stream(at).fail(new Error("no journalctl"));
    await clock.advance(25_000);
  }
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("journal not followed");
});

test("says at once that a container has no journalctl, until an entry comes", async () => {
  const { apply, inspect, stream, clock, lines, follows, record } = followed();
  await using _follows = follows;
  apply("create");
  apply("start");
  inspect();
  expect(record("web").journalUp).toBe(true);
  stream(0).fail(new Error("cut"));
  await clock.advance(25_000);
  expect([record("web").journalUp, lines.length]).toEqual([true, 0]);
  stream(1).fail(new JournalError("journalctl ended: sh: 1: journalctl: not found", true));
  await clock.advance(25_000);
  expect([record("web").journalUp, lines.length]).toEqual([false, 1]);
  stream(2).take(entries("c1", line("one")));
  expect(record("web").journalUp).toBe(true);
  apply("die");
  expect(record("web").journalUp).toBeUndefined();
});

test("counts a gap, and altered entries", async () => {
  const { apply, inspect, stream, dropped, history, lines, follows } = followed();
  await using _follows = follows;
  apply("create");
  apply("start");
  inspect();
  stream(0).take({ ...entries("c1", line("one", true), line("two")), isAfterGap: true });
  expect(dropped).toEqual({ journal_gaps: 1, journal_entries: 1 });
  expect(history).toEqual(["begin", "one", "two", "c1"]);
  expect(lines.join()).toContain("journal entries missing");
});

test("begins at the present time if journalctl rejects the position", async () => {
  const { apply, inspect, stream, dropped, clock, follows } = followed();
  await using _follows = follows;
  apply("create");
  apply("start");
  inspect();
  stream(0).take(entries("c1", line("one")));
  stream(0).fail(new Error("cut"));
  await clock.advance(300);
  stream(1).fail(new Error("journalctl ended: Failed to seek to cursor: Invalid argument"));
  await clock.advance(1_000);
  expect(stream(2).from).toEqual({ sinceNs: expect.any(BigInt) });
  expect(dropped).toEqual({ journal_gaps: 1 });
});

test("ends every stream, and begins none after that", async () => {
  const { apply, inspect, stream, streams, follows } = followed();
  apply("create");
  apply("start");
  inspect();
  await follows[Symbol.asyncDispose]();
  expect(stream(0).signal.aborted).toBe(true);
  inspect();
  expect(streams).toHaveLength(1);
});
