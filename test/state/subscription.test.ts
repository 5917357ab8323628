import { expect, test } from "@jest/globals";
import { Subscription } from "../../src/state/subscription.ts";

const DONE = { done: true, value: undefined };
const value = (n: number): object => ({ done: false, value: n });

test("returns values in order when they, or the calls of next, come first", async () => {
  const subscription = new Subscription<number>({ capacity: 3 });
  subscription.push(1);
  subscription.push(2);
  expect(await subscription.next()).toEqual(value(1));
  const waiting = [subscription.next(), subscription.next(), subscription.next()];
  subscription.push(3);
  subscription.push(4);
  expect(await Promise.all(waiting)).toEqual([value(2), value(3), value(4)]);
  expect(subscription.dropped).toBe(0);
});

test("drops and counts the oldest values when it is full", async () => {
  const subscription = new Subscription<number>({ capacity: 3 });
  for (let n = 1; n <= 10; n++) subscription.push(n);
  expect(subscription.dropped).toBe(7);
  subscription.end();
  expect(await Array.fromAsync(subscription)).toEqual([8, 9, 10]);
});

test("holds 1,024 values when no capacity is given", async () => {
  const subscription = new Subscription<number>();
  for (let n = 1; n <= 1025; n++) subscription.push(n);
  expect(subscription.dropped).toBe(1);
  expect(await subscription.next()).toEqual(value(2));
});

test("keeps the order when the ring wraps around", async () => {
  const subscription = new Subscription<number>({ capacity: 4 });
  const read: number[] = [];
  for (let n = 0; n < 100; n += 3) {
    for (let at = n; at < n + 3; at++) subscription.push(at);
    for (let at = 0; at < 3; at++) read.push((await subscription.next()).value as number);
  }
  expect(read).toEqual(Array.from({ length: 102 }, (_, n) => n));
});

test("returns the queued values, then the end, to every caller when the owner ends it", async () => {
  const subscription = new Subscription<number>();
  subscription.push(1);
  subscription.end();
  subscription.push(2);
  expect(await subscription.next()).toEqual(value(1));
  expect(await subscription.next()).toEqual(DONE);

  const empty = new Subscription<number>();
  const waiting = [empty.next(), empty.next()];
  empty.end();
  expect(await Promise.all(waiting)).toEqual([DONE, DONE]);
});

test("ends and notifies the owner once when a loop breaks", async () => {
  let cancelled = 0;
  const subscription = new Subscription<number>({ onCancel: () => (cancelled += 1) });
  subscription.push(1);
  subscription.push(2);
  for await (const n of subscription) {
    expect(n).toBe(1);
    break;
  }
  expect(await subscription.next()).toEqual(DONE);
  await subscription.return();
  expect(cancelled).toBe(1);
});

test("resolves pending calls with the end when it is disposed", async () => {
  let cancelled = 0;
  const cancel = (): Promise<IteratorResult<number, undefined>> => {
    using subscription = new Subscription<number>({ onCancel: () => (cancelled += 1) });
    return subscription.next();
  };
  expect(await cancel()).toEqual(DONE);
  expect(cancelled).toBe(1);
});

test("notifies no owner when the owner ends it", async () => {
  const subscription = new Subscription<number>({
    onCancel: () => {
      throw new Error("notified");
    },
  });
  subscription.end();
  expect(await subscription.return()).toEqual(DONE);
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  "throws a RangeError when the capacity is %d",
  (n) => {
    expect(() => new Subscription({ capacity: n })).toThrow(RangeError);
  },
);
