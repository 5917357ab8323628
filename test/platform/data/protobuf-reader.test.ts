import { expect, test } from "@jest/globals";
import {
  ProtobufError,
  ProtobufReader,
  WireType,
} from "../../../src/platform/data/protobuf-reader.ts";

const reader = (...bytes: number[]): ProtobufReader => new ProtobufReader(Buffer.from(bytes));

test("reads values of every kind in their order", () => {
  const values = [
    [0x08, 0xac, 0x02],
    [0x11, 1, 0, 0, 0, 0, 0, 0, 0x80],
    [0x1a, 0x02, 0xc3, 0xa4],
    [0x25, 0xff, 0xff, 0xff, 0xff],
    [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
    [0x82, 0x06, 0x01, 0x05],
  ];
  const read = reader(...values.flat());
  const seen: unknown[] = [];
  const at = (value: unknown): void => void seen.push([read.field, read.wireType, value]);
  read.next();
  at(read.varint());
  read.next();
  at(read.fixed64());
  read.next();
  at(read.text());
  read.next();
  at(read.fixed32());
  read.next();
  at(read.double());
  read.next();
  at([...read.bytes()]);
  expect(read.next()).toBe(false);
  expect(seen).toEqual([
    [1, WireType.Varint, 300n],
    [2, WireType.Fixed64, 0x8000_0000_0000_0001n],
    [3, WireType.Bytes, "ä"],
    [4, WireType.Fixed32, 0xffff_ffff],
    [1, WireType.Fixed64, 1],
    [96, WireType.Bytes, [5]],
  ]);
});

test("reads numbers with their 64 bits", () => {
  const ones = Array.from({ length: 9 }, () => 0xff);
  expect(reader(...ones, 0x01).varint()).toBe(2n ** 64n - 1n);
  expect(reader(...ones, 0x7f).varint()).toBe(2n ** 64n - 1n);
  expect(reader(...ones, 0x01).uint32()).toBe(2 ** 32 - 1);
  expect(() => reader(...ones, 0xff, 0x01).varint()).toThrow(ProtobufError);
  expect(() => reader(...ones, 0xff, 0x01).uint32()).toThrow(ProtobufError);
});

test.each([
  ["a number", [0x08, 0x80]],
  ["a fixed number", [0x09, 0, 0, 0, 0, 0, 0, 0]],
  ["text", [0x0a, 0x02, 0x61]],
  ["a short fixed number", [0x0d, 0, 0, 0]],
  ["a tag", [0x80]],
])("throws when %s is cut off", (_name, bytes) => {
  const read = reader(...bytes);
  expect(() => {
    if (read.next()) read.skip();
  }).toThrow("the message is cut off");
});

test("reads nothing around the message", () => {
  const around = Buffer.from([0x08, 0x01, 0x08, 0x02, 0x08, 0x03]);
  const read = new ProtobufReader(around.subarray(2, 4));
  expect(read.next()).toBe(true);
  expect(read.varint()).toBe(2n);
  expect(read.next()).toBe(false);
});
