import { expect, test } from "@jest/globals";
import { toHtml } from "../../src/page/html.ts";
import { h, visible } from "../../src/page/view/element.ts";

test("escapes text and attributes", () => {
  const evil = `<script>alert("1")</script>&'`;
  const escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;";
  expect(toHtml(h("p", { id: evil }, evil))).toBe(`<p id="${escaped}">${escaped}</p>`);
});

test("leaves out undefined and false attributes and children", () => {
  const element = h("p", { a: undefined, b: false, c: true, d: 0 }, undefined, false, "", [
    "x",
    [0],
  ]);
  expect(toHtml(element)).toBe('<p c="" d="0">x0</p>');
  expect(toHtml(h("input", { id: "a" }))).toBe('<input id="a">');
});

test("escapes characters that hide or turn text, and keeps those of any script", () => {
  expect(visible("a\u202Eb\u2066c\u200Bd\u0000e\nf\u2028")).toBe(
    String.raw`a\u{202e}b\u{2066}c\u{200b}d\u{0}e\u{a}f\u{2028}`,
  );
  expect(visible("\uD800x")).toBe("\uFFFDx");
  for (const text of ["größe", "日本語", "עברית", "😀 emoji"]) expect(visible(text)).toBe(text);
  expect(toHtml(h("p", {}, "a\u202Eb"))).toBe(String.raw`<p>a\u{202e}b</p>`);
});
