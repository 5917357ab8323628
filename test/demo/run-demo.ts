import { setTimeout as delay } from "node:timers/promises";
import { untilAborted } from "../../src/platform/time/until-aborted.ts";
import type { ReceivedLog } from "../support/otlp-receiver.ts";
import { type DemoAction, demoActions, type Expected } from "./actions.ts";
import { setUp, type Setup } from "./set-up.ts";
import { checkMetrics } from "./check-metrics.ts";
import { terminal } from "./terminal.ts";

export interface DemoOptions {
  /** True for one round; false for rounds until the signal aborts. */
  readonly once: boolean;
  readonly signal: AbortSignal;
}

/** Limit for unitwatch to send a record; it usually takes milliseconds. */
const RECORD_LIMIT_MS = 10_000;
const PAUSE_MS = 15_000;

/**
 * Runs the demo: sets up, runs rounds, and removes everything at the end.
 *
 * @returns true if unitwatch reported every action
 * @throws if the setup fails, unitwatch ends, or the signal aborts
 */
export async function runDemo({ once, signal }: DemoOptions): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  terminal.heading("unitwatch demo");
  const setup = await setUp(stack, signal);
  terminal.note(
    "\n+… ms: time from the action, by the container's clock, to the moment when unitwatch observed it",
  );
  for (let round = 1; ; round += 1) {
    const complete = await runRound(setup, round);
    if (once) return complete;
    terminal.heading(`Open ${setup.url}`);
    terminal.note(
      `next round in ${PAUSE_MS / 1000} s; Ctrl-C stops the demo and removes everything`,
    );
    await delay(PAUSE_MS, undefined, { signal });
  }
}

async function runRound(setup: Setup, round: number): Promise<boolean> {
  const { containers, unitwatch, url } = setup;
  let complete = true;
  for (const action of demoActions(containers)) {
    complete = (await runAction(action, setup)) && complete;
  }

  const { lines, missing } = checkMetrics(await unitwatch.scrape(), containers, round);
  terminal.heading(`\n${url}metrics after round ${round}`);
  for (const line of lines) terminal.line(line);
  for (const selector of missing) terminal.missed(selector);
  complete &&= missing.length === 0;
  terminal.heading(
    complete
      ? "\nunitwatch saw everything, and its counters agree."
      : "\nunitwatch missed something, see above.",
  );
  return complete;
}

/** @returns true if unitwatch reported the action */
async function runAction(action: DemoAction, setup: Setup): Promise<boolean> {
  const { receiver, unitwatch, signal } = setup;
  const from = receiver.logs.length;
  const timesMs = await action.run(signal);
  terminal.did(timesMs[0] ?? Number.NaN, action.title);

  let complete = true;
  for (const expected of action.expected) {
    const found = (): readonly ReceivedLog[] =>
      receiver.logs.slice(from).filter((record) => isExpected(record, expected));
    const seen = receiver.until(() => found().length >= expected.count, {
      withinMs: RECORD_LIMIT_MS,
    });
    // Missing records are reported below.
    await untilAborted(seen, signal).catch(() => {});
    signal.throwIfAborted();

    const records = found().slice(0, expected.count);
    const latest = records.at(-1);
    if (latest !== undefined) {
      const afterMs = records.map(
        (record, at) => observedMs(record) - actionTimeMs(timesMs, expected, at),
      );
      terminal.saw(afterMs, latest.severityText, String(latest.body));
    }
    if (records.length < expected.count) {
      if (unitwatch.hasExited) throw new Error("unitwatch has ended");
      const { eventName, count } = expected;
      terminal.missed(
        `${eventName}: ${records.length} of ${count} records within ${RECORD_LIMIT_MS} ms`,
      );
      complete = false;
    }
  }
  return complete;
}

function isExpected(record: ReceivedLog, { eventName, attributes }: Expected): boolean {
  return (
    record.eventName === eventName &&
    Object.entries(attributes).every(([name, value]) => String(record.attributes[name]) === value)
  );
}

/** Unix milliseconds, with fractions. */
function observedMs({ observedNs }: ReceivedLog): number {
  return Number(observedNs / 1_000n) / 1_000;
}

function actionTimeMs(timesMs: readonly number[], expected: Expected, at: number): number {
  return (expected.last === true ? timesMs.at(-1) : (timesMs[at] ?? timesMs.at(-1))) ?? Number.NaN;
}
