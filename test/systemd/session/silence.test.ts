import { describe, expect, test } from "@jest/globals";
import { RIGS, type SessionRig, standing } from "../../support/systemd/session-rig.ts";

/** Longest time from the last word of systemd, over each transport, after which it counts as silent. */
const LIMITS_MS: Readonly<Record<string, number>> = {
  bus: 30_000,
  private: 30_000,
  busctl: 75_000,
};
const RUNNING = { activeState: "active", subState: "running" };

async function finish({ abort, done, clock }: SessionRig): Promise<void> {
  abort.abort();
  expect(await done).toBeUndefined();
  expect(clock.pendingTimers).toBe(0);
}

describe.each(RIGS)("a session over %s", (name, start) => {
  const limitMs = LIMITS_MS[name] ?? 0;

  test("calls systemd, and reports nothing, when it is idle", async () => {
    const rig = await standing(start);
    await rig.clock.advance(5 * limitMs);
    expect(rig.steps()).toEqual([]);
    await finish(rig);
  });

  test("reports silence, and goes on with the same stream, when systemd hangs for a while", async () => {
    const rig = await standing(start, { units: { "a.service": RUNNING } });
    const goOn = rig.hang();
    await rig.clock.advance(limitMs - 1);
    expect(rig.steps()).toEqual([]);
    await rig.clock.advance(1);
    expect(rig.steps()).toEqual(["silent"]);
    await rig.clock.advance(3_600_000);
    expect(rig.steps().filter((step) => /silent|attached/.test(step))).toEqual(["silent"]);
    goOn();
    await rig.saw("not silent");
    await rig.saw("listed 1");
    rig.unitChanged("a.service", "failed");
    await rig.saw("unit a.service failed/");
    expect(rig.steps()).not.toContain("attached");
    await finish(rig);
  });

  test("reports silence again when systemd hangs once more", async () => {
    const rig = await standing(start);
    for (const round of [1, 2]) {
      const goOn = rig.hang();
      await rig.clock.advance(2 * limitMs);
      goOn();
      await rig.saw("not silent");
      const silences = rig.steps().filter((step) => step === "silent");
      expect(silences).toHaveLength(round);
      await rig.clock.advance(limitMs);
    }
    await finish(rig);
  });

  test("takes a signal for an answer", async () => {
    const rig = await standing(start);
    rig.hang();
    await rig.clock.advance(2 * limitMs);
    expect(rig.steps()).toContain("silent");
    rig.unitChanged("a.service", "active");
    await rig.saw("not silent");
    await finish(rig);
  });

  test("reports nothing when the container is paused, nor right after", async () => {
    const rig = await standing(start);
    const goOn = rig.hang();
    rig.setPaused(true);
    await rig.clock.advance(20 * limitMs);
    rig.setPaused(false);
    goOn();
    await rig.clock.advance(5 * limitMs);
    expect(rig.steps().filter((step) => /silent/.test(step))).toEqual([]);
    await finish(rig);
  });

  test("waits longer when systemd reloads", async () => {
    const rig = await standing(start);
    rig.reloading(true);
    const goOn = rig.hang();
    await rig.clock.advance(90_000);
    expect(rig.steps()).toEqual([]);
    goOn();
    rig.reloading(false);
    await rig.saw("listed 0");
    rig.reloading(true);
    rig.hang();
    await rig.clock.advance(limitMs + 90_000);
    await rig.saw("silent");
    await finish(rig);
  });

  test("ends the stream when the bus hangs as well", async () => {
    const rig = await standing(start);
    rig.hang();
    if (rig.hangBus === undefined) return finish(rig);
    rig.hangBus();
    await rig.clock.advance(limitMs);
    expect(String(await rig.done)).toMatch(/no reply to org.freedesktop.DBus.GetId within 5000 ms/);
    expect(rig.clock.pendingTimers).toBe(0);
    return undefined;
  });
});
