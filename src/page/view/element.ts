/** An element as data: the server writes it as HTML, the browser makes nodes of it. */
export interface VElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (VElement | string)[];
}

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
export type Child = VElement | string | number | undefined | false | readonly Child[];

/**
 * Makes an element. An attribute that is undefined or false is left out, true stands for an empty
 * one; children that are undefined or false are left out, lists are flattened. All text is shown as
 * {@link visible} gives it.
 */
export function h(tag: string, attributes: Attributes, ...children: readonly Child[]): VElement {
  const set: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) set[name] = value === true ? "" : String(value);
  }
  const flat: (VElement | string)[] = [];
  append(flat, children);
  return { tag, attributes: set, children: flat };
}

function append(flat: (VElement | string)[], children: readonly Child[]): void {
  for (const child of children) {
    if (child === undefined || child === false || child === "") continue;
    if (typeof child === "object" && "tag" in child) flat.push(child);
    else if (typeof child === "object") append(flat, child);
    else flat.push(visible(String(child)));
  }
}

/**
 * The text with all characters that aren't to be seen made so, as `\u{202e}`: control characters,
 * line ends, and those that turn the direction of what follows, with which a name can look like
 * another one.
 */
export function visible(text: string): string {
  return text.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return String.raw`\u{${character.codePointAt(0)?.toString(16) ?? ""}}`;
  });
}
