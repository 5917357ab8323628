import { Socket } from "node:net";
import { expect, test } from "@jest/globals";
import { HeldBodies } from "../../../src/http/handlers/held-bodies.ts";

const readers = (count: number): Socket[] => Array.from({ length: count }, () => new Socket());

test("readers of one body count once, and a body is free when the last has it", () => {
  const bodies = new HeldBodies(1);
  const [a, b, c] = readers(3) as [Socket, Socket, Socket];
  const shared = Buffer.from("x");
  expect(bodies.hold(shared, a)).toBe(0);
  expect(bodies.hold(shared, b)).toBe(0);
  bodies.release(a);
  bodies.release(b);
  expect(bodies.hold(Buffer.from("y"), c)).toBe(0);
  expect([a, b, c].map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
});

test("one body too many ends all readers of the oldest, and no others", () => {
  const bodies = new HeldBodies(2);
  const [a, b, c, d] = readers(4) as [Socket, Socket, Socket, Socket];
  const oldest = Buffer.from("1");
  bodies.hold(oldest, a);
  bodies.hold(oldest, b);
  bodies.hold(Buffer.from("2"), c);
  expect(bodies.hold(Buffer.from("3"), d)).toBe(2);
  expect([a, b, c, d].map(({ destroyed }) => destroyed)).toEqual([true, true, false, false]);
});
