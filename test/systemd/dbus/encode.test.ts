import { expect, test } from "@jest/globals";
import { decodeValues } from "../../../src/systemd/dbus/decode.ts";
import { encodeValues } from "../../../src/systemd/dbus/encode.ts";
import { encodeMessage } from "../../../src/systemd/dbus/encode.ts";
import { maxMessageBytes } from "../../../src/systemd/dbus/limits.ts";
import { viewOf } from "../../../src/systemd/dbus/text.ts";
import { type Value, Variant } from "../../../src/systemd/dbus/value.ts";
import { Writer } from "../../../src/systemd/dbus/encode.ts";

function marshalled(signature: string, values: Value[], littleEndian: boolean): Buffer {
  const writer = new Writer(littleEndian);
  encodeValues(writer, signature, values);
  return writer.bytes;
}

function roundTrip(signature: string, values: Value[], littleEndian: boolean): Value[] {
  const bytes = marshalled(signature, values, littleEndian);
  const span = { bytes, view: viewOf(bytes), start: 0, end: bytes.length, littleEndian };
  return decodeValues(span, signature);
}

const values: [signature: string, ...Value[]][] = [
  ["y", 0, 255],
  ["b", false, true],
  ["n", -32768, 0, 32767],
  ["q", 0, 65535],
  ["i", -2147483648, -1, 0, 2147483647],
  ["u", 0, 4294967295],
  ["h", 0, 4294967295],
  ["x", -9223372036854775808n, -1n, 0n, 9223372036854775807n],
  ["t", 0n, 18446744073709551615n],
  ["d", 0, -0, 0.1, -1e308, 5e-324, Infinity, -Infinity, NaN],
  ["s", "", "a", "ü世🌍", "\u0001\ufeff\uffff", "x".repeat(70_000)],
  ["o", "/", "/org/freedesktop/systemd1"],
  ["g", "", "a{sv}", "(ii)as"],
  ["v", new Variant("s", "x"), new Variant("v", new Variant("a(yx)", [[1, 2n]]))],
  ["ay", new Uint8Array(), new Uint8Array([1, 2, 3]), new Uint8Array(70_000).fill(9)],
  ["aay", [], [new Uint8Array([1]), new Uint8Array()]],
  ["ax", [], [1n, -1n]],
  ["aax", [[], [1n], []]],
  ["as", [], ["a", "", "abc"]],
  ["ab", [true, false]],
  ["(y)", [1]],
  ["(yxs(qo)av)", [1, -2n, "three", [4, "/five"], [new Variant("d", 0.5)]]],
  [
    "a(yx)",
    [],
    [[1, 2n]],
    [
      [1, 2n],
      [3, 4n],
    ],
  ],
  [
    "a{sv}",
    new Map(),
    new Map([
      ["key", new Variant("u", 7)],
      ["__proto__", new Variant("b", true)],
    ]),
  ],
  [
    "a{ta{ys}}",
    new Map([
      [1n, new Map([[2, "three"]])],
      [4n, new Map()],
    ]),
  ],
  [
    "a{bas}",
    new Map([
      [true, ["yes"]],
      [false, []],
    ]),
  ],
  ["aaaaaay", [[[[[new Uint8Array([1])]]]]]],
];

test.each(values)(
  "every value of %s is read as it was written, in both orders",
  (signature, ...all) => {
    for (const littleEndian of [true, false]) {
      for (const value of all) {
        expect(roundTrip(signature, [value], littleEndian)).toEqual([value]);
        // The same after 1 and after 5 bytes, which moves all padding.
        expect(roundTrip(`y${signature}`, [1, value], littleEndian)).toEqual([1, value]);
        expect(roundTrip(`uy${signature}y`, [1, 2, value, 3], littleEndian)).toEqual([
          1,
          2,
          value,
          3,
        ]);
      }
    }
  },
);

test("writes the bytes of the specification", () => {
  const body: Value[] = [1, ["a", "bc"], new Map([["k", new Variant("n", -2)]])];
  const hex = (littleEndian: boolean) => marshalled("yasa{sv}", body, littleEndian).toString("hex");
  const little = `01000000 0f000000 01000000 6100 0000 02000000 626300 00
    0c000000 00000000 01000000 6b00 016e00 00 feff`;
  const big = `01000000 0000000f 00000001 6100 0000 00000002 626300 00
    0000000c 00000000 00000001 6b00 016e00 00 fffe`;
  expect(hex(true)).toBe(little.replaceAll(/\s/g, ""));
  expect(hex(false)).toBe(big.replaceAll(/\s/g, ""));
});

test.each<[string, unknown]>([
  ["y", 256],
  ["y", -1],
  ["y", 1.5],
  ["y", "1"],
  ["n", 32768],
  ["q", -1],
  ["i", 2147483648],
  ["u", -1],
  ["u", 1n],
  ["x", 1],
  ["x", 9223372036854775808n],
  ["t", -1n],
  ["d", "1"],
  ["b", 1],
  ["s", "a\0b"],
  ["s", "\ud800"],
  ["s", 1],
  ["o", ""],
  ["o", "a"],
  ["g", "a()"],
  ["v", "plain"],
  ["v", new Variant("u", "text")],
  ["as", "text"],
  ["as", [1]],
  ["ay", "text"],
  ["a{sv}", { key: 1 }],
  ["(ii)", [1]],
  ["(ii)", new Map()],
])("rejects for type %s the value %p", (signature, value) => {
  expect(() => marshalled(signature, [value as Value], true)).toThrow(TypeError);
});

test("rejects values, names and sizes that are invalid in a message", () => {
  expect(() => marshalled("uu", [1], true)).toThrow('1 values for the signature "uu"');
  expect(() => marshalled("v", [new Variant("a()", [])], true)).toThrow("an empty struct");
  expect(() => marshalled("v", [new Variant("uu", [1, 2])], true)).toThrow("2 complete types");
  const huge = new Uint8Array(maxMessageBytes);
  expect(() => marshalled("ay", [huge], true)).toThrow(RangeError);
  const call = { type: "method_call", serial: 1, path: "/", member: "M" } as const;
  for (const name of [{ path: "x" }, { member: "a.b" }, { interface: "a" }, { destination: ":" }]) {
    expect(() => encodeMessage({ ...call, ...name })).toThrow(TypeError);
  }
});
