import { expect, test } from "@jest/globals";
import { Goodbye } from "../../../src/systemd/transport/goodbye.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { FakeBridge } from "../../support/systemd/fake-bridge.ts";
import { turns } from "../../support/turns.ts";

function spoken(heedsGoodbye: boolean) {
  const notes: string[] = [];
  const clock = new FakeClock();
  const bridge = new FakeBridge({ hasBus: true, note: (what) => void notes.push(what) });
  bridge.heedsGoodbye = heedsGoodbye;
  return { notes, clock, bridge, goodbye: new Goodbye(bridge, clock) };
}

test("a command that heeds it isn't killed, and no timer is left", async () => {
  const { notes, clock, goodbye } = spoken(true);
  goodbye.say();
  await goodbye.heard();
  expect(notes).toEqual(["goodbye"]);
  expect(clock.pendingTimers).toBe(0);
});

test("it is heard without having been said", async () => {
  const { notes, goodbye } = spoken(true);
  await goodbye.heard();
  expect(notes).toEqual(["goodbye"]);
});

test("saying it again gives no more time", async () => {
  const { notes, clock, goodbye } = spoken(false);
  goodbye.say();
  await clock.advance(1_500);
  goodbye.say();
  const heard = goodbye.heard();
  await clock.advance(500);
  await heard;
  expect(notes).toEqual(["goodbye", "kill"]);
  expect(clock.pendingTimers).toBe(0);
});

test("it is heard no earlier than the command has ended", async () => {
  const { bridge, goodbye } = spoken(false);
  let isHeard = false;
  const heard = goodbye.heard().then(() => (isHeard = true));
  await turns();
  expect(isHeard).toBe(false);
  bridge.ends();
  await heard;
  expect(bridge.kills).toBe(0);
});

test("after it was heard, saying it starts nothing", async () => {
  const { notes, clock, goodbye } = spoken(true);
  await goodbye.heard();
  goodbye.say();
  expect(notes).toEqual(["goodbye"]);
  expect(clock.pendingTimers).toBe(0);
});
