import { expect, test } from "@jest/globals";
import { FastCode } from "../../../src/platform/process/fast-code.ts";

const OFF = ["--no-maglev", "--no-turbofan"];
const ON = ["--maglev", "--turbofan"];

function fastCode() {
  const flags: string[] = [];
  const code = new FastCode((flag) => void flags.push(flag));
  expect(flags.splice(0)).toEqual(OFF);
  const changes = (count: number): void => {
    for (let change = 0; change < count; change += 1) code.changed();
  };
  return { code, changes, flags };
}

test("compiles fast code from many changes on", () => {
  const { changes, flags } = fastCode();
  changes(999);
  expect(flags).toEqual([]);
  changes(1);
  expect(flags).toEqual(ON);
  changes(10_000);
  expect(flags).toEqual(ON);
});

test("compiles no fast code while changes come slowly", () => {
  const { code, changes, flags } = fastCode();
  code.sweep(1_000);
  for (let second = 2; second < 2_000; second += 1) {
    changes(10);
    code.sweep(second * 1_000);
  }
  expect(flags).toEqual([]);
  changes(1_000);
  expect(flags).toEqual(ON);
});

test("compiles fast code at once for many containers", () => {
  const { code, flags } = fastCode();
  code.fitTo(50);
  expect(flags).toEqual([]);
  code.fitTo(51);
  code.turnOn();
  expect(flags).toEqual(ON);
});
