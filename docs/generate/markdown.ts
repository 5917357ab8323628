/** Returns a Markdown table without padding. A `|` in a cell is escaped. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", String.raw`\|`)).join(" | ")} |`.replaceAll(
      /\| {2,}(?=\|)/g,
      "| ",
    );
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** Returns text as Markdown code. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** The text of a page before, inside and after one generated part. */
export interface Part {
  readonly before: string;
  readonly content: string;
  readonly after: string;
}

/**
 * Splits a page at the comments `<!-- generated: NAME -->` and `<!-- end of NAME -->`.
 *
 * @throws Error if the page lacks either comment
 */
export function splitAt(page: string, name: string): Part {
  const start = `<!-- generated: ${name} -->\n`;
  const end = `<!-- end of ${name} -->`;
  const from = page.indexOf(start) + start.length;
  const to = page.indexOf(end);
  if (from < start.length || to < from) throw new Error(`no generated part named ${name}`);
  return { before: page.slice(0, from), content: page.slice(from, to), after: page.slice(to) };
}

/** Returns the page with `content` as its generated part `name`. */
export function withPart(page: string, name: string, content: string): string {
  const { before, after } = splitAt(page, name);
  return `${before}\n${content.trim()}\n\n${after}`;
}
