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
  readonly told: string[];
  readonly done: Promise<void>;
}

function supervised(attempt: (signal: AbortSignal, number: number) => Promise<void>): Supervised {
  const clock = new FakeClock();
  const end = new AbortController();
  const wake = new Wake();
  const backoff = new Backoff({ initialMs: 100, maxMs: 400 }, () => 1);
  const told: string[] = [];
  const tell = (what: string): void => void told.push(`${what} @${clock.monotonicMs()}`);
  let number = 0;
  const done = supervise(
    (signal) => {
      tell("attempt");
      return attempt(signal, number++);
    },
    {
      signal: end.signal,
      clock,
      backoff,
      wake,
      ended: (error) => tell(error === undefined ? "ended" : `ended: ${error.message}`),
    },
  );
  return { clock, end, wake, backoff, told, done };
}

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
  });

test("attempts follow each other with growing waits, and each end is told before the next", async () => {
  const { clock, end, told, done } = supervised(() => Promise.reject(new Error("no")));
  await clock.advance(700);
  end.abort();
  await done;
  expect(told).toEqual([
    "attempt @0",
    "ended: no @100",
    "attempt @100",
    "ended: no @300",
    "attempt @300",
    "ended: no @700",
    "attempt @700",
  ]);
});

test("an end without a fault is one too, and an attempt can begin the waits anew", async () => {
  const { clock, end, told, done, backoff } = supervised((_signal, number) => {
    if (number === 2) backoff.reset();
    return Promise.resolve();
  });
  await clock.advance(400);
  end.abort();
  await done;
  expect(told.filter((line) => line.startsWith("attempt"))).toEqual([
    "attempt @0",
    "attempt @100",
    "attempt @300",
    "attempt @400",
  ]);
  expect(told).toContain("ended @100");
});

test("what throws at once or throws no Error is a failure like any other", async () => {
  const { clock, end, told, done } = supervised((_signal, number) => {
    if (number === 0) throw new Error("at once");
    // oxlint-disable-next-line prefer-promise-reject-errors
    return Promise.reject("text");
  });
  await clock.advance(300);
  end.abort();
  await done;
  expect(told).toContain("ended: at once @100");
  expect(told).toContain("ended: text @300");
});

test("an end that the signal explains is none, during an attempt", async () => {
  const { end, told, done } = supervised(untilAborted);
  end.abort();
  await done;
  expect(told).toEqual(["attempt @0"]);
});

test("an end that the signal explains is none, during a wait", async () => {
  const { clock, end, told, done } = supervised(() => Promise.resolve());
  await clock.advance(99);
  end.abort();
  await done;
  expect(told).toEqual(["attempt @0"]);
  expect(clock.pendingTimers).toBe(0);
});

test("a signal that has aborted lets nothing begin", async () => {
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

test("a wake ends the wait at once, and leaves no timer behind", async () => {
  const { clock, end, wake, told, done } = supervised(() => Promise.resolve());
  await clock.advance(10);
  wake.wake();
  await turns();
  expect(told).toEqual(["attempt @0", "ended @10", "attempt @10"]);
  expect(clock.pendingTimers).toBe(1);
  end.abort();
  await done;
});

test("a wake while an attempt runs, or before any, changes nothing", async () => {
  const { clock, end, wake, told, done } = supervised(untilAborted);
  wake.wake();
  await clock.advance(1_000);
  expect(told).toEqual(["attempt @0"]);
  end.abort();
  await done;
  new Wake().wake();
});

test("a wake doesn't make the next wait shorter", async () => {
  const { clock, end, wake, told, done } = supervised(() => Promise.resolve());
  await clock.advance(0);
  wake.wake();
  await clock.advance(199);
  expect(told.filter((line) => line.startsWith("attempt"))).toHaveLength(2);
  await clock.advance(1);
  expect(told.filter((line) => line.startsWith("attempt"))).toHaveLength(3);
  end.abort();
  await done;
});

test("a clock that fails for another reason isn't hidden", async () => {
  const clock = new FakeClock();
  clock.sleep = () => Promise.reject(new Error("no clock"));
  await expect(new Wake().wait(1, clock, new AbortController().signal)).rejects.toThrow("no clock");
});
