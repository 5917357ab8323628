import { expect, test } from "@jest/globals";
import { AuthClient } from "../../../src/systemd/dbus/auth.ts";

const ok = "OK 0123456789abcdef0123456789ABCDEF\r\n";

test("it opens with a NUL and the user id's decimal digits in hexadecimal", () => {
  expect(new AuthClient(0).hello).toBe("\0AUTH EXTERNAL 30\r\n");
  expect(new AuthClient("65534").hello).toBe("\0AUTH EXTERNAL 3635353334\r\n");
  expect(new AuthClient().hello).toBe("\0AUTH EXTERNAL\r\n");
});

test("whatever chunks the answer comes in, it begins once", () => {
  for (let cut = 0; cut <= ok.length; cut += 1) {
    const auth = new AuthClient();
    const steps = [ok.slice(0, cut), ok.slice(cut)].map((part) => auth.push(Buffer.from(part)));
    const last = steps.find((step) => step.messages !== undefined);
    expect(last).toEqual({ send: "BEGIN\r\n", messages: Buffer.alloc(0) });
  }
});

test("a challenge is answered with nothing, and what follows OK is handed on", () => {
  const auth = new AuthClient();
  const { send, messages } = auth.push(Buffer.from(`DATA\r\nDATA 00ff\r\n${ok}l\u0001`));
  expect(send).toBe("DATA\r\nDATA\r\nBEGIN\r\n");
  expect(messages).toEqual(Buffer.from("l\u0001"));
});

test("what a line that has not ended says so far is known", () => {
  const auth = new AuthClient();
  expect(auth.unfinished).toBe("");
  auth.push(Buffer.from("DATA\r\nwell\u0007"));
  expect(auth.unfinished).toBe("well\\x07");
});
