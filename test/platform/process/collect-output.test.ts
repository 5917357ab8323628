import { expect, test } from "@jest/globals";
import { collectOutput } from "../../../src/platform/process/collect-output.ts";
import { FakeProcess } from "../../support/fake-process.ts";

const NEVER = new AbortController().signal;

test("joins stdout of text and bytes, with the exit code and stderr", async () => {
  const process = new FakeProcess();
  const output = collectOutput(process, { maxBytes: 100, signal: NEVER });
  const bytes = Buffer.from("žluť");
  process.stdout.write(bytes.subarray(0, 1));
  process.stdout.write(bytes.subarray(1));
  process.stdout.end("ok\n");
  process.exit({ exitCode: 3, signal: undefined, stderr: "warning" });
  expect(await output).toEqual({ stdout: "žluťok\n", exitCode: 3, stderr: "warning" });
});

test("returns no exit code when the process reports none", async () => {
  const process = new FakeProcess();
  process.stdout.end();
  process.exit();
  const output = await collectOutput(process, { maxBytes: 100, signal: NEVER });
  expect(output).toEqual({ stdout: "", exitCode: undefined, stderr: "" });
});

test("accepts output up to the limit, and kills the process beyond it", async () => {
  const fits = new FakeProcess();
  fits.stdout.end("12345");
  fits.exit({ exitCode: 0 });
  expect((await collectOutput(fits, { maxBytes: 5, signal: NEVER })).stdout).toBe("12345");

  const large = new FakeProcess();
  large.stdout.write("123");
  large.stdout.write("456");
  await expect(collectOutput(large, { maxBytes: 5, signal: NEVER })).rejects.toThrow(
    "its output is larger than 5 bytes",
  );
  expect(large.kills).toBeGreaterThan(0);
});

test("kills the process and rejects with the reason when aborted", async () => {
  const process = new FakeProcess();
  const end = new AbortController();
  const output = collectOutput(process, { maxBytes: 5, signal: end.signal });
  expect(process.kills).toBe(0);
  end.abort(new Error("stop"));
  expect(process.kills).toBe(1);
  process.stdout.end();
  process.exit({ exitCode: undefined, signal: "SIGKILL", stderr: "" });
  await expect(output).rejects.toThrow("stop");
});

test("kills the process when the signal has already aborted", async () => {
  const process = new FakeProcess();
  const output = collectOutput(process, {
    maxBytes: 5,
    signal: AbortSignal.abort(new Error("stop")),
  });
  expect(process.kills).toBe(1);
  process.stdout.end();
  process.exit();
  await expect(output).rejects.toThrow("stop");
});

test("kills the process and rejects when its stream breaks", async () => {
  const process = new FakeProcess();
  const output = collectOutput(process, { maxBytes: 5, signal: NEVER });
  process.stdout.destroy(new Error("EIO"));
  await expect(output).rejects.toThrow("EIO");
  expect(process.kills).toBe(1);
});

test("returns the first bytes of a larger output, each as a character, if it is to be cut", async () => {
  const process = new FakeProcess();
  process.stdout.write(Buffer.from([0x61, 0xff, 0xc3]));
  process.stdout.write(Buffer.from([0xa9, 0x62, 0x63]));
  const options = { maxBytes: 5, encoding: "latin1", isCut: true, signal: NEVER } as const;
  expect(await collectOutput(process, options)).toEqual({
    stdout: "a\u00ff\u00c3\u00a9b",
    exitCode: undefined,
    stderr: "",
  });
  expect(process.kills).toBe(1);
});
