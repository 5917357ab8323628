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
  const reader: FeedSubscriber = {
    wake: () => void calls.push("wake"),
    aside: (key, frame) => void calls.push(`${key}: ${frame.toString()}`),
    close: () => void calls.push("close"),
  };
  return { reader, calls };
}

test("events are numbered, and written when they are first read, once", () => {
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

test("only the newest are kept", () => {
  const { feed } = feedOf();
  for (const value of ["a", "b", "c", "d", "e"]) feed.push(value);
  expect([feed.oldest, feed.next]).toEqual([3, 6]);
  expect(feed.newest(10)).toEqual(['"e"', '"d"', '"c"']);
  expect(feed.newest(1)).toEqual(['"e"']);
});

test("a reader goes on after its last event, and is told where that can't be had", () => {
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

test("readers are woken once for all that came at once, as long as they stay", async () => {
  const { feed } = feedOf();
  const { reader, calls } = recordedSubscriber();
  const subscribed = feed.subscribe(reader);
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

test("an aside is for the readers of now", async () => {
  const { feed } = feedOf();
  feed.aside("snapshot", "a", "{}");
  const { reader, calls } = recordedSubscriber();
  using _subscription = feed.subscribe(reader);
  feed.aside("snapshot", "b", "{}");
  await turns();
  expect(calls).toEqual(["b: event: snapshot\ndata: {}\n\n", "wake"]);
  expect(feed.lastId).toBe("0-abc");
});

test("the end is told to the readers, and to those that still come", () => {
  const { feed } = feedOf();
  const [early, late] = [recordedSubscriber(), recordedSubscriber()];
  feed.subscribe(early.reader);
  feed.close();
  feed.subscribe(late.reader);
  expect([early.calls, late.calls]).toEqual([["close"], ["close"]]);
});

test("readers at the same place share what is sent, as long as nothing more can be", () => {
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
