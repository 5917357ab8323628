import { expect, test } from "@jest/globals";
import { Backoff } from "../../../src/platform/time/backoff.ts";
import { supervise, Wake } from "../../../src/platform/time/supervise.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { turns } from "../../support/turns.ts";

interface Supervised {
  readonly clock: FakeClock;
  readonly end: AbortController;
  readonly wake: Wake;
  readonly backoff: Backoff;
  /** `attempt`, `ended`, `ended: why`, each with its time. */
  readonly reported: string[];
  readonly done: Promise<void>;
}

function supervised(attempt: (signal: AbortSignal, number: number) => Promise<void>): Supervised {
  const clock = new FakeClock();
  const end = new AbortController();
  const wake = new Wake();
  const backoff = new Backoff({ initialMs: 100, maxMs: 400 }, () => 1);
  const reported: string[] = [];
  const report = (what: string): void => void reported.push(`${what} @${clock.monotonicMs()}`);
  let number = 0;
  const done = supervise(
    (signal) => {
      report("attempt");
      return attempt(signal, number++);
    },
    {
      signal: end.signal,
      clock,
      backoff,
      wake,
      ended: (error) => report(error === undefined ? "ended" : `ended: ${error.message}`),
    },
  );
  return { clock, end, wake, backoff, reported, done };
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
  });

test("waits longer before each attempt, and reports each end before the next", async () => {
  const { clock, end, reported, done } = supervised(() => Promise.reject(new Error("no")));
  await clock.advance(700);
  end.abort();
  await done;
  expect(reported).toEqual([
    "attempt @0",
    "ended: no @100",
    "attempt @100",
    "ended: no @300",
    "attempt @300",
    "ended: no @700",
    "attempt @700",
  ]);
});

test("attempts again after an end without an error, and lets an attempt reset the waits", async () => {
  const { clock, end, reported, done, backoff } = supervised((_signal, number) => {
    if (number === 2) backoff.reset();
    return Promise.resolve();
  });
  await clock.advance(400);
  end.abort();
  await done;
  expect(reported.filter((line) => line.startsWith("attempt"))).toEqual([
    "attempt @0",
    "attempt @100",
    "attempt @300",
    "attempt @400",
  ]);
  expect(reported).toContain("ended @100");
});

test("treats a synchronous throw and a thrown non-Error as failures", async () => {
  const { clock, end, reported, done } = supervised((_signal, number) => {
    if (number === 0) throw new Error("at once");
    // oxlint-disable-next-line prefer-promise-reject-errors
    return Promise.reject("text");
  });
  await clock.advance(300);
  end.abort();
  await done;
  expect(reported).toContain("ended: at once @100");
  expect(reported).toContain("ended: text @300");
});

test("reports no end when the signal aborts during an attempt", async () => {
  const { end, reported, done } = supervised(untilAborted);
  end.abort();
  await done;
  expect(reported).toEqual(["attempt @0"]);
});

test("reports no end when the signal aborts during a wait", async () => {
  const { clock, end, reported, done } = supervised(() => Promise.resolve());
  await clock.advance(99);
  end.abort();
  await done;
  expect(reported).toEqual(["attempt @0"]);
  expect(clock.pendingTimers).toBe(0);
});

test("starts nothing when the signal has already aborted", async () => {
  let attempts = 0;
  await supervise(
    () => {
      attempts++;
      return Promise.resolve();
    },
    {
      signal: AbortSignal.abort(),
      clock: new FakeClock(),
      backoff: new Backoff({ initialMs: 1, maxMs: 1 }),
      ended: () => {},
    },
  );
  expect(attempts).toBe(0);
});

test("ends the wait at once when woken, and leaves no timer", async () => {
  const { clock, end, wake, reported, done } = supervised(() => Promise.resolve());
  await clock.advance(10);
  wake.wake();
  await turns();
  expect(reported).toEqual(["attempt @0", "ended @10", "attempt @10"]);
  expect(clock.pendingTimers).toBe(1);
  end.abort();
  await done;
});

test("ignores a wake while an attempt runs or before the first", async () => {
  const { clock, end, wake, reported, done } = supervised(untilAborted);
  wake.wake();
  await clock.advance(1_000);
  expect(reported).toEqual(["attempt @0"]);
  end.abort();
  await done;
  new Wake().wake();
});

test("keeps the next wait as long after a wake", async () => {
  const { clock, end, wake, reported, done } = supervised(() => Promise.resolve());
  await clock.advance(0);
  wake.wake();
  await clock.advance(199);
  expect(reported.filter((line) => line.startsWith("attempt"))).toHaveLength(2);
  await clock.advance(1);
  expect(reported.filter((line) => line.startsWith("attempt"))).toHaveLength(3);
  end.abort();
  await done;
});

test("rejects when the clock fails for another reason", async () => {
  const clock = new FakeClock();
  clock.sleep = () => Promise.reject(new Error("no clock"));
  await expect(new Wake().wait(1, clock, new AbortController().signal)).rejects.toThrow("no clock");
});
