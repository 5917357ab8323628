import { expect, test } from "@jest/globals";
import { Subscription } from "../../src/state/subscription.ts";

const DONE = { done: true, value: undefined };
const value = (n: number): object => ({ done: false, value: n });

test("values are read in order, whether they or the reader came first", async () => {
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

test("a full one loses its oldest values, and counts them", async () => {
  const subscription = new Subscription<number>({ capacity: 3 });
  for (let n = 1; n <= 10; n++) subscription.push(n);
  expect(subscription.dropped).toBe(7);
  subscription.end();
  expect(await Array.fromAsync(subscription)).toEqual([8, 9, 10]);
});

test("it holds 1,024 unless told otherwise", async () => {
  const subscription = new Subscription<number>();
  for (let n = 1; n <= 1025; n++) subscription.push(n);
  expect(subscription.dropped).toBe(1);
  expect(await subscription.next()).toEqual(value(2));
});

test("the ring goes round", async () => {
  const subscription = new Subscription<number>({ capacity: 4 });
  const read: number[] = [];
  for (let n = 0; n < 100; n += 3) {
    for (let at = n; at < n + 3; at++) subscription.push(at);
    for (let at = 0; at < 3; at++) read.push((await subscription.next()).value as number);
  }
  expect(read).toEqual(Array.from({ length: 102 }, (_, n) => n));
});

test("an end comes after what is there, and for all who wait", async () => {
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

test("leaving a loop ends it, and tells the owner once", async () => {
  let left = 0;
  const subscription = new Subscription<number>({ onLeave: () => (left += 1) });
  subscription.push(1);
  subscription.push(2);
  for await (const n of subscription) {
    expect(n).toBe(1);
    break;
  }
  expect(await subscription.next()).toEqual(DONE);
  await subscription.return();
  expect(left).toBe(1);
});

test("disposing it ends it, for those who wait too", async () => {
  let left = 0;
  const leave = (): Promise<IteratorResult<number, undefined>> => {
    using subscription = new Subscription<number>({ onLeave: () => (left += 1) });
    return subscription.next();
  };
  expect(await leave()).toEqual(DONE);
  expect(left).toBe(1);
});

test("the owner's end tells the owner nothing", async () => {
  const subscription = new Subscription<number>({
    onLeave: () => {
      throw new Error("told");
    },
  });
  subscription.end();
  expect(await subscription.return()).toEqual(DONE);
});

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  "a capacity of %d is refused",
  (n) => {
    expect(() => new Subscription({ capacity: n })).toThrow(RangeError);
  },
);
