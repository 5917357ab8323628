/**
 * The parts of the page as data, made from the reports of domain/status.ts. The server writes them as
 * HTML, the browser makes DOM nodes of them. The browser loads this folder: it imports values from
 * itself and from the modules of domain that assets.ts lists.
 */

/** An element as data. */
export interface VElement {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (VElement | string)[];
}

type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;
export type Child = VElement | string | number | undefined | false | readonly Child[];

/**
 * Creates an element. Leaves out attributes and children that are undefined or false; true gives an
 * empty attribute. Flattens lists of children, and makes text {@link visible}.
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
 * Replaces invisible characters by escapes such as `\u{202e}`: control characters, line ends, and those
 * that change the direction of text, by which a name can look like another one.
 */
export function visible(text: string): string {
  return text.toWellFormed().replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return String.raw`\u{${character.codePointAt(0)?.toString(16) ?? ""}}`;
  });
}
