import { setTimeout as delay } from "node:timers/promises";
import { untilAborted } from "../../src/platform/time/until-aborted.ts";
import type { ReceivedLog } from "../support/otlp-receiver.ts";
import { type Act, actsOf, type Expected } from "./acts.ts";
import { assemble, type Company } from "./company.ts";
import { tellStory } from "./story.ts";
import { terminal } from "./terminal.ts";

export interface PlayOptions {
  /** One round, instead of one after the other until the signal aborts. */
  readonly once: boolean;
  readonly signal: AbortSignal;
}

/** How long unitwatch may take to tell of what was done; it is milliseconds if all goes well. */
const SEE_LIMIT_MS = 10_000;
const PAUSE_MS = 15_000;

/**
 * The demo: sets everything up, plays its rounds, and removes everything, however it ends.
 *
 * @returns true if unitwatch saw all that was done
 * @throws where something can't be had, unitwatch ends, or the signal aborts
 */
export async function play({ once, signal }: PlayOptions): Promise<boolean> {
  await using stack = new AsyncDisposableStack();
  terminal.heading("unitwatch demo");
  const company = await assemble(stack, signal);
  terminal.note(
    "\n+… ms: from the deed, by the clock inside the container, to the moment when unitwatch knew",
  );
  for (let round = 1; ; round += 1) {
    const complete = await playRound(company, round);
    if (once) return complete;
    terminal.heading(`Open ${company.url}`);
    terminal.note(`next round in ${PAUSE_MS / 1000} s; Ctrl-C ends the demo and removes all of it`);
    await delay(PAUSE_MS, undefined, { signal });
  }
}

async function playRound(company: Company, round: number): Promise<boolean> {
  const { stage, unitwatch, url } = company;
  let complete = true;
  for (const act of actsOf(stage)) complete = (await playAct(act, company)) && complete;

  const { lines, missing } = tellStory(await unitwatch.scrape(), stage, round);
  terminal.heading(`\nWhat ${url}metrics says after round ${round}`);
  for (const line of lines) terminal.line(line);
  for (const selector of missing) terminal.missed(selector);
  complete &&= missing.length === 0;
  terminal.heading(
    complete
      ? "\nunitwatch saw everything, and its counters agree."
      : "\nunitwatch missed something: see above.",
  );
  return complete;
}

/** @returns true if unitwatch saw it */
async function playAct(act: Act, company: Company): Promise<boolean> {
  const { receiver, unitwatch, signal } = company;
  const from = receiver.logs.length;
  const deeds = await act.deed(signal);
  terminal.did(deeds[0] ?? Number.NaN, act.what);

  let complete = true;
  for (const expected of act.expected) {
    const found = (): readonly ReceivedLog[] =>
      receiver.logs.slice(from).filter((record) => isExpected(record, expected));
    const seen = receiver.until(() => found().length >= expected.count, { withinMs: SEE_LIMIT_MS });
    // What is missing is told below.
    await untilAborted(seen, signal).catch(() => {});
    signal.throwIfAborted();

    const records = found().slice(0, expected.count);
    const latest = records.at(-1);
    if (latest !== undefined) {
      const afterMs = records.map((record, at) => observedMs(record) - deedAt(deeds, expected, at));
      terminal.saw(afterMs, latest.severityText, String(latest.body));
    }
    if (records.length < expected.count) {
      if (unitwatch.hasExited) throw new Error("unitwatch has ended");
      const { eventName, count } = expected;
      terminal.missed(`${eventName}: ${records.length} of ${count} came in ${SEE_LIMIT_MS} ms`);
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

function deedAt(deeds: readonly number[], expected: Expected, at: number): number {
  return (expected.last === true ? deeds.at(-1) : (deeds[at] ?? deeds.at(-1))) ?? Number.NaN;
}
