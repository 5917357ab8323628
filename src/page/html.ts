import type { VElement } from "./view/element.ts";

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const VOID: ReadonlySet<string> = new Set(["col", "input", "link", "meta"]);

/** Returns an element as HTML. */
export function toHtml({ tag, attributes, children }: VElement): string {
  let html = `<${tag}`;
  for (const [name, value] of Object.entries(attributes)) html += ` ${name}="${escapeHtml(value)}"`;
  html += ">";
  if (VOID.has(tag)) return html;
  for (const child of children) {
    html += typeof child === "string" ? escapeHtml(child) : toHtml(child);
  }
  return `${html}</${tag}>`;
}

/** Escapes text for use between tags and in quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
