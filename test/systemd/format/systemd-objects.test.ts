import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import { knownUnitName, unitPath } from "../../../src/systemd/format/systemd-objects.ts";

test("names are remembered; paths of none, which have no bound, are not", () => {
  expect(knownUnitName(unitPath("a@b-c.service"))).toBe("a@b-c.service");
  expect(knownUnitName(unitPath("a@b-c.service"))).toBe("a@b-c.service");
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  const before = process.memoryUsage().heapUsed;
  const long = Buffer.alloc(1024 * 1024, "a");
  for (let i = 0; i < 100; i++) {
    long.writeUInt32LE(0x61616161 + i, 0);
    expect(knownUnitName(unitPath("") + long.toString("latin1"))).toBeUndefined();
  }
  gc();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 1024 * 1024);
});
