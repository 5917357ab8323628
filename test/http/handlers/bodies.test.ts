import { Socket } from "node:net";
import { expect, test } from "@jest/globals";
import { HeldBodies, SharedBody } from "../../../src/http/handlers/bodies.ts";

const clients = (count: number): Socket[] => Array.from({ length: count }, () => new Socket());

test("releases a shared body once, after the last of its users", () => {
  let released = 0;
  const body = new SharedBody("text/plain", Buffer.from("a 1\n"), () => {
    released += 1;
  });
  body.retain();
  body.retain();
  body.release();
  body.release();
  expect(released).toBe(0);
  body.release();
  expect(released).toBe(1);
});

test("counts a body once, until the last of its clients has it", () => {
  const bodies = new HeldBodies(1);
  const [a, b, c] = clients(3) as [Socket, Socket, Socket];
  const shared = Buffer.from("x");
  expect(bodies.hold(shared, a)).toBe(0);
  expect(bodies.hold(shared, b)).toBe(0);
  bodies.release(a);
  bodies.release(b);
  expect(bodies.hold(Buffer.from("y"), c)).toBe(0);
  expect([a, b, c].map(({ destroyed }) => destroyed)).toEqual([false, false, false]);
});

test("closes all clients of the oldest body, and no others, when there is a body too many", () => {
  const bodies = new HeldBodies(2);
  const [a, b, c, d] = clients(4) as [Socket, Socket, Socket, Socket];
  const oldest = Buffer.from("1");
  bodies.hold(oldest, a);
  bodies.hold(oldest, b);
  bodies.hold(Buffer.from("2"), c);
  expect(bodies.hold(Buffer.from("3"), d)).toBe(2);
  expect([a, b, c, d].map(({ destroyed }) => destroyed)).toEqual([true, true, false, false]);
});
