import { expect, test } from "@jest/globals";
import { exitCodeText, processEnd, signalName } from "../../src/domain/exit-status.ts";

test("names signals as the kernel does", () => {
  expect([1, 9, 15, 31, 34, 37, 64].map(signalName)).toEqual([
    "SIGHUP",
    "SIGKILL",
    "SIGTERM",
    "SIGSYS",
    "SIGRTMIN",
    "SIGRTMIN+3",
    "SIGRTMIN+30",
  ]);
  expect([0, 32, 33, 65, -1].map(signalName)).toEqual([
    "signal 0",
    "signal 32",
    "signal 33",
    "signal 65",
    "signal -1",
  ]);
});

test.each([
  ["exit-code", 1, "1", false],
  ["exit-code", 203, "203/EXEC", false],
  ["exit-code", 217, "217/USER", false],
  ["exit-code", 255, "255", false],
  ["signal", 9, "SIGKILL", true],
  ["core-dump", 11, "SIGSEGV", true],
  ["oom-kill", 9, "SIGKILL", true],
  ["watchdog", 6, "SIGABRT", true],
  ["timeout", 15, "SIGTERM", true],
  // It caught SIGTERM, and exited by itself.
  ["timeout", 1, "1", false],
  ["timeout", 143, "143", false],
] as const)("names the end of a process with result %s and status %d", (result, status, ...end) => {
  const [text, isSignal] = end;
  expect(processEnd(result, status)).toMatchObject({ text, isSignal });
});

test("says what a status of systemd means", () => {
  expect(processEnd("exit-code", 203)?.meaning).toBe("the program can't be executed");
  expect(processEnd("exit-code", 3)?.meaning).toBeUndefined();
});

test("names no end without a failure or a status", () => {
  expect(processEnd("success", 3)).toBeUndefined();
  expect(processEnd(undefined, 3)).toBeUndefined();
  expect(processEnd(null, 3)).toBeUndefined();
  expect(processEnd("start-limit-hit", 0)).toBeUndefined();
  expect(processEnd("timeout", undefined)).toBeUndefined();
});

test("names the signal of a container's exit code", () => {
  expect([0, 1, 128, 137, 143, 165, 255].map((code) => exitCodeText(code, false))).toEqual([
    "0",
    "1",
    "128",
    "137 (SIGKILL)",
    "143 (SIGTERM)",
    "165 (SIGRTMIN+3)",
    "255",
  ]);
  expect([0, 129, 130, 137].map((code) => exitCodeText(code, true))).toEqual([
    "0",
    "129 (reboot)",
    "130 (halt)",
    "137 (SIGKILL)",
  ]);
});
