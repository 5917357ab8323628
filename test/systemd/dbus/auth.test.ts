import { expect, test } from "@jest/globals";
import { AuthClient } from "../../../src/systemd/dbus/auth.ts";

const ok = "OK 0123456789abcdef0123456789ABCDEF\r\n";

test("opens with a NUL and the user id's decimal digits in hexadecimal", () => {
  expect(new AuthClient(0).hello).toBe("\0AUTH EXTERNAL 30\r\n");
  expect(new AuthClient("65534").hello).toBe("\0AUTH EXTERNAL 3635353334\r\n");
  expect(new AuthClient().hello).toBe("\0AUTH EXTERNAL\r\n");
});

test("begins once however the answer is cut", () => {
  for (let cut = 0; cut <= ok.length; cut += 1) {
    const auth = new AuthClient();
    const steps = [ok.slice(0, cut), ok.slice(cut)].map((part) => auth.push(Buffer.from(part)));
    const last = steps.find((step) => step.messages !== undefined);
    expect(last).toEqual({ send: "BEGIN\r\n", messages: Buffer.alloc(0) });
  }
});

test("answers a challenge with no data, and returns the bytes after OK", () => {
  const auth = new AuthClient();
  const { send, messages } = auth.push(Buffer.from(`DATA\r\nDATA 00ff\r\n${ok}l\u0001`));
  expect(send).toBe("DATA\r\nDATA\r\nBEGIN\r\n");
  expect(messages).toEqual(Buffer.from("l\u0001"));
});

test("has the excerpt of an unfinished line", () => {
  const auth = new AuthClient();
  expect(auth.unfinished).toBe("");
  auth.push(Buffer.from("DATA\r\nwell\u0007"));
  expect(auth.unfinished).toBe("well\\x07");
});
