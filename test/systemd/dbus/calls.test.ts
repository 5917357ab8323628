import { expect, test } from "@jest/globals";
import { PendingCalls } from "../../../src/systemd/dbus/calls.ts";

const call = { resolve: () => {}, reject: () => {}, release: () => {} };

test("wraps serials around, without 0 and the pending ones", () => {
  const calls = new PendingCalls(0xfffffffd);
  const take = () => {
    const serial = calls.takeSerial();
    calls.add(serial, call);
    return serial;
  };
  calls.add(1, call);
  calls.add(0xffffffff, call);
  expect([take(), take(), take(), take()]).toEqual([0xfffffffd, 0xfffffffe, 2, 3]);
  expect(calls.size).toBe(6);
  expect(new PendingCalls().takeSerial()).toBe(1);
});
