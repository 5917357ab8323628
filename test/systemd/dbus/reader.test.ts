import { expect, test } from "@jest/globals";
import { encodeValues } from "../../../src/systemd/dbus/encode.ts";
import { DBusProtocolError } from "../../../src/systemd/dbus/errors.ts";
import { Reader } from "../../../src/systemd/dbus/reader.ts";
import { viewOf } from "../../../src/systemd/dbus/text.ts";
import { type Value, Variant } from "../../../src/systemd/dbus/value.ts";
import { Writer } from "../../../src/systemd/dbus/encode.ts";

/** A reader of values, at the start of bytes or amid others. */
function readerOf(signature: string, values: Value[], littleEndian = true): Reader {
  const writer = new Writer(littleEndian);
  encodeValues(writer, signature, values);
  const bytes = Buffer.concat([Buffer.alloc(3, 0xff), writer.bytes, Buffer.alloc(9, 0xff)]);
  const end = 3 + writer.length;
  return new Reader({ bytes, view: viewOf(bytes), start: 3, end, littleEndian });
}

const properties = new Map<string, Value>([
  ["Id", new Variant("s", "a.service")],
  ["Names", new Variant("as", ["a.service", "b.service"])],
  ["NRestarts", new Variant("u", 3)],
  ["Deep", new Variant("a(sa{sv})", [["x", new Map([["y", new Variant("t", 1n)]])]])],
  ["Since", new Variant("t", 1700000000000000n)],
  ["Job", new Variant("(uo)", [0, "/"])],
  ["Types", new Variant("g", "a{sv}")],
  ["Any", new Variant("v", new Variant("d", 1.5))],
]);
const changed: Value[] = ["org.example.Unit", properties, ["One", "Two"]];

test.each([true, false])("reads parts of a body and skips the rest (%p)", (little) => {
  const reader = readerOf("sa{sv}as", changed, little);
  const seen: unknown[] = [reader.string()];
  reader.array("{sv}", () => {
    const name = reader.string();
    if (name === "NRestarts") seen.push(reader.enterVariant("u").uint32());
    else if (name === "Since") seen.push(reader.enterVariant("t").uint64());
    else if (name === "Names") {
      const names: string[] = [];
      reader.enterVariant("as").array("s", (item) => names.push(item.string()));
      seen.push(names);
    } else reader.skipVariant();
  });
  reader.array("s", (item) => seen.push(item.string()));
  expect(reader.more).toBe(false);
  expect(seen).toEqual([
    "org.example.Unit",
    ["a.service", "b.service"],
    3,
    1700000000000000n,
    "One",
    "Two",
  ]);
});

test.each([true, false])("skips a string by its length (%p)", (little) => {
  const reader = readerOf("yssu", [1, "four", "", 7], little);
  expect([reader.byte(), reader.nextLength, reader.nextLength]).toEqual([1, 4, 4]);
  expect(reader.skipString().nextLength).toBe(0);
  expect([reader.string(), reader.uint32(), reader.more]).toEqual(["", 7, false]);
});

test("reads bytes of the expected number as hexadecimal", () => {
  const reader = readerOf("ayayu", [new Uint8Array([0, 0xab]), new Uint8Array([1, 2, 3]), 7]);
  expect([reader.hexBytes(2), reader.hexBytes(2), reader.uint32()]).toEqual(["00ab", "", 7]);
});

test("enters and leaves an array by hand", () => {
  const reader = readerOf("a(sy)u", [
    [
      ["a", 1],
      ["b", 2],
    ],
    9,
  ]);
  const seen: unknown[] = [];
  const outer = reader.enterArray(8);
  while (reader.more) seen.push([reader.struct().string(), reader.byte()]);
  reader.leave(outer);
  expect(seen).toEqual([
    ["a", 1],
    ["b", 2],
  ]);
  expect(reader.uint32()).toBe(9);
  expect(reader.more).toBe(false);
});

test("skips every type", () => {
  const signature = "ybnqiuxtdhsogvaya{sv}(yas(v))aay";
  const body: Value[] = [
    1,
    true,
    -1,
    1,
    -1,
    1,
    -1n,
    1n,
    1,
    0,
    "s",
    "/",
    "g",
    new Variant("(sv)", ["s", new Variant("ay", new Uint8Array([1]))]),
    new Uint8Array([1, 2]),
    properties,
    [1, ["a"], [new Variant("s", "x")]],
    [new Uint8Array([1])],
  ];
  for (const littleEndian of [true, false]) {
    const reader = readerOf(`${signature}u`, [...body, 77], littleEndian);
    reader.skip(signature);
    expect(reader.uint32()).toBe(77);
  }
});

test("reports a variant of another type", () => {
  const reader = readerOf("v", [new Variant("au", [1])]);
  expect(() => reader.enterVariant("s")).toThrow('a variant of s is due, but it is one of "au"');
  expect(() => readerOf("v", [new Variant("au", [1])]).enterVariant("as")).toThrow("as is due");
  expect(readerOf("v", [new Variant("au", [1])]).variantType().signature).toBe("au");
});

test("reports the position when reading past the end, and reads no other value's bytes", () => {
  const reads: ((reader: Reader) => unknown)[] = [
    (reader) => reader.byte(),
    (reader) => reader.boolean(),
    (reader) => reader.int16(),
    (reader) => reader.uint16(),
    (reader) => reader.int32(),
    (reader) => reader.uint32(),
    (reader) => reader.int64(),
    (reader) => reader.uint64(),
    (reader) => reader.double(),
    (reader) => reader.string(),
    (reader) => reader.objectPath(),
    (reader) => reader.signature(),
    (reader) => reader.byteArray(),
    (reader) => reader.hexBytes(16),
    (reader) => reader.nextLength,
    (reader) => reader.skipString(),
    (reader) => reader.array("s", (item) => item.string()),
    (reader) => reader.variantType(),
    (reader) => reader.enterVariant("s"),
    (reader) => reader.skipVariant(),
    (reader) => reader.skip("(ss)"),
  ];
  for (const read of reads) {
    expect(() => read(readerOf("", []))).toThrow(DBusProtocolError);
    // One byte short, and within an array that ends before the body does.
    const reader = readerOf("ayu", [new Uint8Array([0]), 0]);
    reader.enterArray(1);
    reader.byte();
    expect(() => read(reader)).toThrow(DBusProtocolError);
  }
  const odd = readerOf("yy", [1, 2]);
  odd.byte();
  expect(() => odd.uint32()).toThrow("the values end in padding, at byte 1");
  expect(() => readerOf("u", [1]).uint64()).toThrow("8 bytes are due where 4 are left, at byte 0");
});

test("throws when a caller reads nothing of an element", () => {
  expect(() => readerOf("as", [["a"]]).array("s", () => {})).toThrow(TypeError);
});

test("bounds the depth of skipping like that of reading", () => {
  const writer = new Writer(true);
  for (let i = 0; i < 65; i += 1) writer.signature("v");
  const span = { bytes: writer.bytes, view: viewOf(writer.bytes), start: 0, end: writer.length };
  const reader = new Reader({ ...span, littleEndian: true });
  expect(() => reader.skipVariant()).toThrow("containers more than 64 deep");
});
