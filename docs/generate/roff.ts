/** Longest line of roff source, in characters. */
const WIDTH = 78;

/** Escapes for the characters that man(7) reads as markup. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": String.raw`\e`,
  "-": String.raw`\-`,
  "'": String.raw`\(aq`,
  "`": String.raw`\(ga`,
  "^": String.raw`\(ha`,
  "~": String.raw`\(ti`,
  "…": "...",
};

/** Matches a flag, file or name, which may not be hyphenated. */
const TYPED = /\\-|[=_/]|[.:]\w/;

/**
 * Returns text escaped for man(7).
 *
 * @throws Error if it has characters other than ASCII and `…`
 */
export function escaped(text: string): string {
  const roff = text.replaceAll(/[\\'`^~…-]/g, (character) => ESCAPES[character] ?? character);
  if (!/^[\n -~]*$/.test(roff)) throw new Error(`man(7) needs an escape for some of ${text}`);
  return roff;
}

/** Returns text in bold, for words to type. */
export function bold(text: string): string {
  return String.raw`\fB${escaped(text)}\fR`;
}

/** Returns text in italics, for placeholders. */
export function italic(text: string): string {
  return String.raw`\fI${escaped(text)}\fR`;
}

/** Breaks escaped running text into lines. No line begins a roff request. */
export function filled(roff: string): string {
  const lines: string[] = [];
  let line = "";
  for (const plain of roff.split(" ")) {
    const word = TYPED.test(plain) ? String.raw`\%${plain}` : plain;
    const longer = line === "" ? word : `${line} ${word}`;
    // A sentence ends its line, so that the formatter sets the space after it.
    if (line !== "" && (longer.length > WIDTH || /[.:?]$/.test(line))) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].map(guarded).join("\n");
}

/** Returns running text, escaped and broken into lines. */
export function paragraph(text: string): string {
  return filled(escaped(text));
}

/** Returns a section with its parts in order. */
export function section(title: string, ...parts: readonly string[]): string {
  return [`.SH "${title}"`, ...parts].join("\n");
}

/** Returns a tag and its text, indented below it. */
export function tagged(tag: string, ...roff: readonly string[]): string {
  return [".TP", guarded(tag), ...roff.map((text, at) => (at === 0 ? text : `.IP\n${text}`))].join(
    "\n",
  );
}

/** Returns lines that man shows unchanged. */
export function example(...lines: readonly string[]): string {
  const roff = lines.map((line) => guarded(escaped(line)));
  return [".RS 4", ".EX", ...roff, ".EE", ".RE"].join("\n");
}

function guarded(line: string): string {
  return /^[.']/.test(line) ? String.raw`\&${line}` : line;
}
