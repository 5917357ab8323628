import { expect, test } from "@jest/globals";
import { EventFeed } from "../../../src/http/handlers/event-feed.ts";
import type { FeedSubscriber } from "../../../src/http/handlers/event-feed.ts";
import { turns } from "../../support/turns.ts";

function feedOf(capacity = 3) {
  const serialized: string[] = [];
  const feed = new EventFeed<string>({
    instance: "abc",
    capacity,
    serialize: (value) => {
      serialized.push(value);
      return JSON.stringify(value);
    },
  });
  return { feed, serialized };
}

function recordedSubscriber() {
  const calls: string[] = [];
  const subscriber: FeedSubscriber = {
    wake: () => void calls.push("wake"),
    aside: (key, frame) => void calls.push(`${key}: ${frame.toString()}`),
    close: () => void calls.push("close"),
  };
  return { subscriber, calls };
}

test("numbers events, and serializes each once, when it is first sent", () => {
  const { feed, serialized } = feedOf();
  expect([feed.lastId, feed.next, feed.oldest]).toEqual(["0-abc", 1, 1]);
  feed.push("a");
  feed.push("b");
  expect([feed.lastId, feed.next, feed.oldest]).toEqual(["2-abc", 3, 1]);
  expect(serialized).toEqual([]);
  expect(feed.frame(2).toString()).toBe('id: 2-abc\ndata: "b"\n\n');
  expect(feed.frame(2)).toBe(feed.frame(2));
  expect(serialized).toEqual(["b"]);
});

test("keeps only the newest events", () => {
  const { feed } = feedOf();
  for (const value of ["a", "b", "c", "d", "e"]) feed.push(value);
  expect([feed.oldest, feed.next]).toEqual([3, 6]);
  expect(feed.newest(10)).toEqual(['"e"', '"d"', '"c"']);
  expect(feed.newest(1)).toEqual(['"e"']);
});

test("resumes after the last event, and reports a gap when it is gone", () => {
  const { feed } = feedOf();
  for (const value of ["a", "b", "c", "d", "e"]) feed.push(value);
  expect(feed.resume("4-abc")).toEqual({ next: 5, gap: undefined });
  expect(feed.resume("5-abc")).toEqual({ next: 6, gap: undefined });
  expect(feed.resume("2-abc")).toEqual({ next: 3, gap: undefined });
  expect(feed.resume("1-abc")).toEqual({ next: 3, gap: "too-old" });
  expect(feed.resume("4-other")).toEqual({ next: 3, gap: "restart" });
  for (const id of [
    "6-abc",
    "",
    "abc",
    "-1-abc",
    "1e3-abc",
    "99999999999999999999-abc",
    "4-abc\n",
  ]) {
    expect(feed.resume(id)).toEqual({ next: 3, gap: "unknown" });
  }
});

test("wakes subscribers once when many events come at once, until they unsubscribe", async () => {
  const { feed } = feedOf();
  const { subscriber, calls } = recordedSubscriber();
  const subscribed = feed.subscribe(subscriber);
  feed.push("a");
  feed.push("b");
  expect(calls).toEqual([]);
  await turns();
  expect(calls).toEqual(["wake"]);
  subscribed[Symbol.dispose]();
  feed.push("c");
  await turns();
  expect([calls, feed.subscribers]).toEqual([["wake"], 0]);
});

test("sends an aside to the present subscribers alone", async () => {
  const { feed } = feedOf();
  feed.aside("snapshot", "a", "{}");
  const { subscriber, calls } = recordedSubscriber();
  using _subscription = feed.subscribe(subscriber);
  feed.aside("snapshot", "b", "{}");
  await turns();
  expect(calls).toEqual(["b: event: snapshot\ndata: {}\n\n", "wake"]);
  expect(feed.lastId).toBe("0-abc");
});

test("closes present and later subscribers when the feed closes", () => {
  const { feed } = feedOf();
  const [early, late] = [recordedSubscriber(), recordedSubscriber()];
  feed.subscribe(early.subscriber);
  feed.close();
  feed.subscribe(late.subscriber);
  expect([early.calls, late.calls]).toEqual([["close"], ["close"]]);
});

test("shares a batch between subscribers at one position until it can grow", () => {
  const { feed } = feedOf(10);
  expect(feed.batch(1, 30)).toEqual({ from: 1, next: 1, bytes: Buffer.alloc(0) });
  feed.push("a");
  const one = feed.batch(1, 30);
  expect(one.bytes.toString()).toBe('id: 1-abc\ndata: "a"\n\n');
  expect(one.next).toBe(2);
  expect(feed.batch(1, 30)).toBe(one);

  feed.push("b");
  const two = feed.batch(1, 30);
  expect([two.next, two.bytes.toString().match(/id: /g)?.length]).toEqual([3, 2]);
  feed.push("c");
  expect(feed.batch(1, 30)).toBe(two);
  expect(feed.batch(3, 30).bytes.toString()).toBe('id: 3-abc\ndata: "c"\n\n');
});
