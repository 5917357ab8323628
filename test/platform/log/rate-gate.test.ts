import { expect, test } from "@jest/globals";
import { RateGate } from "../../../src/platform/log/rate-gate.ts";
import { FakeClock } from "../../support/fake-clock.ts";

test("evicts the oldest keys when there are too many", () => {
  const gate = new RateGate(new FakeClock());
  for (let i = 0; i < 2000; i++) gate.pass(`k${i}`, 60_000);
  expect(gate.pass("k1999", 60_000)).toBeUndefined();
  expect(gate.pass("k0", 60_000)).toBe(0);
});
