import { EventEmitter } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, test } from "@jest/globals";
import { EventFeed } from "../../../src/http/handlers/event-feed.ts";
import {
  CUT_GRACE_MS,
  EventStream,
  HEARTBEAT_MS,
} from "../../../src/http/handlers/event-stream.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { turns } from "../../support/turns.ts";

/** A response that accepts as much as the test says. */
class FakeResponse extends EventEmitter {
  readonly written: string[] = [];
  takes = true;

  write(bytes: Buffer): boolean {
    this.written.push(bytes.toString());
    return this.takes;
  }

  end(bytes: Buffer): void {
    this.written.push(`${bytes.toString()}END`);
  }

  destroy(): void {
    this.written.push("DESTROYED");
    this.emit("close");
  }
}

function started(capacity = 5) {
  const feed = new EventFeed<string>({ instance: "a", capacity, serialize: String });
  const response = new FakeResponse();
  const clock = new FakeClock();
  let slow = 0;
  new EventStream(feed, response as unknown as ServerResponse, {
    clock,
    from: feed.next,
    first: Buffer.from("FIRST"),
    onSlow: () => (slow += 1),
  }).start();
  return { feed, response, clock, slow: () => slow };
}

const CUT_SLOW = 'event: cut\ndata: {"reason":"slow"}\n\nEND';

test("leaves events in the feed until the client accepts more", async () => {
  const { feed, response, slow } = started();
  response.takes = false;
  feed.push("1");
  await turns();
  for (const value of ["2", "3", "4"]) feed.push(value);
  await turns();
  expect(response.written).toEqual(["FIRST", "id: 1-a\ndata: 1\n\n"]);
  response.takes = true;
  response.emit("drain");
  expect(response.written.slice(2)).toEqual([
    "id: 2-a\ndata: 2\n\nid: 3-a\ndata: 3\n\nid: 4-a\ndata: 4\n\n",
  ]);
  expect(slow()).toBe(0);
});

test("sends many events in batches, with turns of the event loop between", async () => {
  const { feed, response } = started(100);
  for (let i = 0; i < 100; i += 1) feed.push("x".repeat(1_000));
  await turns(50);
  expect(response.written.length).toBeGreaterThan(3);
  expect(response.written.join("").match(/id: /g)).toHaveLength(100);
});

test("cuts off a client when it falls behind the kept events", async () => {
  const { feed, response, slow } = started(2);
  response.takes = false;
  feed.push("1");
  await turns();
  for (const value of ["2", "3", "4"]) feed.push(value);
  await turns();
  response.emit("drain");
  expect(response.written.at(-1)).toBe(CUT_SLOW);
  feed.push("5");
  await turns();
  expect([response.written.length, slow()]).toEqual([3, 1]);
});

test("cuts off a client when it accepts nothing between two heartbeats, then disconnects it", async () => {
  const { feed, response, clock, slow } = started();
  await clock.advance(HEARTBEAT_MS);
  response.takes = false;
  feed.push("1");
  await turns();
  await clock.advance(HEARTBEAT_MS);
  expect(slow()).toBe(0);
  await clock.advance(HEARTBEAT_MS);
  expect([response.written.at(-1), slow()]).toEqual([CUT_SLOW, 1]);
  await clock.advance(CUT_GRACE_MS);
  expect(response.written.at(-1)).toBe("DESTROYED");
  expect([feed.subscribers, clock.pendingTimers]).toEqual([0, 0]);
});

test("keeps a client that accepts a little now and then", async () => {
  const { feed, response, clock, slow } = started();
  for (let round = 0; round < 5; round += 1) {
    response.takes = false;
    feed.push("x");
    await turns();
    await clock.advance(HEARTBEAT_MS);
    response.takes = true;
    response.emit("drain");
    await clock.advance(HEARTBEAT_MS);
  }
  expect(slow()).toBe(0);
});

test("releases everything when the client disconnects", async () => {
  const { feed, response, clock } = started();
  response.emit("close");
  feed.push("1");
  await turns();
  expect(response.written).toEqual(["FIRST"]);
  expect([feed.subscribers, clock.pendingTimers]).toEqual([0, 0]);
});
