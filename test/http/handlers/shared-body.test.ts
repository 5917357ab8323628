import { expect, test } from "@jest/globals";
import { SharedBody } from "../../../src/http/handlers/shared-body.ts";

test("a body is given back after the last of its users, and once", () => {
  let released = 0;
  const body = new SharedBody(Buffer.from("a 1\n"), () => {
    released += 1;
  });
  body.take();
  body.take();
  body.letGo();
  body.letGo();
  expect(released).toBe(0);
  body.letGo();
  expect(released).toBe(1);
});
