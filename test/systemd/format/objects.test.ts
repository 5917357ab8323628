import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import {
  knownUnitName,
  unescapePathElement,
  unitNameFromPath,
  unitPath,
} from "../../../src/systemd/format/objects.ts";

test("caches names, but no paths without a unit, which have no bound", () => {
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

test.each([
  ["munge_2eservice", "munge.service"],
  ["systemd_2dtmpfiles_2dclean_2eservice", "systemd-tmpfiles-clean.service"],
  ["crash_2dloop_40a_3ab_2eservice", "crash-loop@a:b.service"],
  ["system_2dcrash_5cx2dloop_2eslice", "system-crash\\x2dloop.slice"],
  ["plain", "plain"],
  ["_2F", "/"],
  ["_2f", "/"],
  ["trail_", "trail_"],
  ["trail_2", "trail_2"],
  ["_zz", "_zz"],
  ["_2_2e", "_2."],
  ["__2e", "_."],
  ["_2e_2e", ".."],
  ["", ""],
])("%s is %s", (element, name) => {
  expect(unescapePathElement(element)).toBe(name);
});

const unit = (element: string): string => `/org/freedesktop/systemd1/unit/${element}`;

test.each([
  [unit("munge_2eservice"), "munge.service"],
  [unit("_2f"), "/"],
  ["/org/freedesktop/systemd1", undefined],
  ["/org/freedesktop/systemd1/job/440", undefined],
  ["/other/path", undefined],
  [unit(""), undefined],
  [unit("a_0ab_2eservice"), undefined],
  [unit("a_00"), undefined],
  [unit("caf_c3_a9_2eservice"), undefined],
  [unit("a b"), undefined],
  [unit("a".repeat(255)), "a".repeat(255)],
  [unit("a".repeat(256)), undefined],
])("the path %j is of unit %j", (path, name) => {
  expect(unitNameFromPath(path)).toBe(name);
});
