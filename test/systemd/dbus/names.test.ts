import { expect, test } from "@jest/globals";
import {
  isBusName,
  isInterfaceName,
  isMemberName,
  isObjectPath,
} from "../../../src/systemd/dbus/names.ts";

test("accepts valid object paths alone", () => {
  for (const path of ["/", "/a", "/org/freedesktop/systemd1/unit/a_2eservice", "/0/_/Z"]) {
    expect([path, isObjectPath(path)]).toEqual([path, true]);
  }
  for (const path of ["", "a", "//", "/a/", "/a//b", "/a-b", "/a.b", "/ä", "/a\0"]) {
    expect([path, isObjectPath(path)]).toEqual([path, false]);
  }
  expect(isObjectPath("/a".repeat(1_000_000))).toBe(true);
});

test("accepts valid interface and error names alone", () => {
  for (const name of ["a.b", "org.freedesktop.DBus", "_1.__", `a.${"b".repeat(253)}`]) {
    expect([name, isInterfaceName(name)]).toEqual([name, true]);
  }
  for (const name of ["", "a", ".a", "a.", "a..b", "a.1", "1.a", "a.b-c", `a.${"b".repeat(254)}`]) {
    expect([name, isInterfaceName(name)]).toEqual([name, false]);
  }
});

test("accepts valid member names alone", () => {
  for (const name of ["a", "GetUnit", "_1", "x".repeat(255)]) expect(isMemberName(name)).toBe(true);
  for (const name of ["", "1", "a.b", "a-b", "a b", "a\n", "x".repeat(256)]) {
    expect([name, isMemberName(name)]).toEqual([name, false]);
  }
});

test("accepts valid bus names alone", () => {
  for (const name of [":1.42", ":a.1.2", "org.freedesktop.systemd1", "a-b.c-d", "_.-"]) {
    expect([name, isBusName(name)]).toEqual([name, true]);
  }
  for (const name of ["", ":", ":1", "a", "a.1", "1.a", "a..b", "a.b.", `a.${"b".repeat(254)}`]) {
    expect([name, isBusName(name)]).toEqual([name, false]);
  }
});
