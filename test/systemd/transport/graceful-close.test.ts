import { expect, test } from "@jest/globals";
import { GracefulClose } from "../../../src/systemd/transport/graceful-close.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeBridge } from "../../support/systemd/fake-bridge.ts";
import { turns } from "../../support/turns.ts";

function spoken(endsWithInput: boolean) {
  const notes: string[] = [];
  const clock = new FakeClock();
  const bridge = new FakeBridge({ hasBus: true, note: (what) => void notes.push(what) });
  bridge.endsWithInput = endsWithInput;
  return {
    notes,
    clock,
    bridge,
    gracefulClose: new GracefulClose(bridge, { clock, signal: new AbortController().signal }),
  };
}

test("doesn't kill a command that ends by itself, and leaves no timer", async () => {
  const { notes, clock, gracefulClose } = spoken(true);
  gracefulClose.begin();
  await gracefulClose.finish();
  expect(notes).toEqual(["end of input"]);
  expect(clock.pendingTimers).toBe(0);
});

test("begins when it is finished without a beginning", async () => {
  const { notes, gracefulClose } = spoken(true);
  await gracefulClose.finish();
  expect(notes).toEqual(["end of input"]);
});

test("gives no more time when it begins again", async () => {
  const { notes, clock, gracefulClose } = spoken(false);
  gracefulClose.begin();
  await clock.advance(1_500);
  gracefulClose.begin();
  const heard = gracefulClose.finish();
  await clock.advance(500);
  await heard;
  expect(notes).toEqual(["end of input", "kill"]);
  expect(clock.pendingTimers).toBe(0);
});

test("finishes only when the command has ended", async () => {
  const { bridge, gracefulClose } = spoken(false);
  let isHeard = false;
  const heard = gracefulClose.finish().then(() => (isHeard = true));
  await turns();
  expect(isHeard).toBe(false);
  bridge.ends();
  await heard;
  expect(bridge.kills).toBe(0);
});

test("starts nothing when it begins after the finish", async () => {
  const { notes, clock, gracefulClose } = spoken(true);
  await gracefulClose.finish();
  gracefulClose.begin();
  expect(notes).toEqual(["end of input"]);
  expect(clock.pendingTimers).toBe(0);
});
