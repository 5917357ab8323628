import { expect, test } from "@jest/globals";
import { GracefulClose } from "../../../src/systemd/transport/graceful-close.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeBridge } from "../../support/systemd/fake-bridge.ts";
import { turns } from "../../support/turns.ts";

function spoken(heedsGoodbye: boolean) {
  const notes: string[] = [];
  const clock = new FakeClock();
  const bridge = new FakeBridge({ hasBus: true, note: (what) => void notes.push(what) });
  bridge.heedsGoodbye = heedsGoodbye;
  return {
    notes,
    clock,
    bridge,
    gracefulClose: new GracefulClose(bridge, { clock, signal: new AbortController().signal }),
  };
}

test("a command that heeds it isn't killed, and no timer is left", async () => {
  const { notes, clock, gracefulClose } = spoken(true);
  gracefulClose.begin();
  await gracefulClose.finish();
  expect(notes).toEqual(["gracefulClose"]);
  expect(clock.pendingTimers).toBe(0);
});

test("it is heard without having been said", async () => {
  const { notes, gracefulClose } = spoken(true);
  await gracefulClose.finish();
  expect(notes).toEqual(["gracefulClose"]);
});

test("saying it again gives no more time", async () => {
  const { notes, clock, gracefulClose } = spoken(false);
  gracefulClose.begin();
  await clock.advance(1_500);
  gracefulClose.begin();
  const heard = gracefulClose.finish();
  await clock.advance(500);
  await heard;
  expect(notes).toEqual(["gracefulClose", "kill"]);
  expect(clock.pendingTimers).toBe(0);
});

test("it is heard no earlier than the command has ended", async () => {
  const { bridge, gracefulClose } = spoken(false);
  let isHeard = false;
  const heard = gracefulClose.finish().then(() => (isHeard = true));
  await turns();
  expect(isHeard).toBe(false);
  bridge.ends();
  await heard;
  expect(bridge.kills).toBe(0);
});

test("after it was heard, saying it starts nothing", async () => {
  const { notes, clock, gracefulClose } = spoken(true);
  await gracefulClose.finish();
  gracefulClose.begin();
  expect(notes).toEqual(["gracefulClose"]);
  expect(clock.pendingTimers).toBe(0);
});
