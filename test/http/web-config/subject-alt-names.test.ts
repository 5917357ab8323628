import { expect, test } from "@jest/globals";
import { canonicalSan, subjectAltNames } from "../../../src/http/web-config/subject-alt-names.ts";

test.each([
  [undefined, []],
  ["", []],
  ["DNS:a.example", ["a.example"]],
  [
    "DNS:a.example, IP Address:192.0.2.1, IP Address:0:0:0:0:0:0:0:1, URI:spiffe://a/b, email:a@b",
    ["a.example", "192.0.2.1", "::1", "spiffe://a/b", "a@b"],
  ],
  [String.raw`DNS:"a\u002c DNS:b", DNS:c`, ["a, DNS:b", "c"]],
  [String.raw`URI:"http://a/\"\u002c DNS:b", DNS:c`, ['http://a/", DNS:b', "c"]],
  ['othername:<unsupported>, DirName:"CN=a, DNS:b", Registered ID:1.2.3.4, DNS:c', ["c"]],
  ['DNS:a"b, DNS:c', []],
])("returns for %j the names %j", (text, names) => {
  expect(subjectAltNames(text)).toEqual(names);
});

test("normalizes IPv6 addresses alone", () => {
  expect(["0:0::1", "::FFFF:1", "192.0.2.1", "A.example"].map(canonicalSan)).toEqual([
    "::1",
    "::ffff:1",
    "192.0.2.1",
    "A.example",
  ]);
});
