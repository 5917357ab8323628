/** Longest line of source, so that it can be read and compared. */
const WIDTH = 78;

/** Characters that man(7) takes for something else where they stand as they are. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": String.raw`\e`,
  "-": String.raw`\-`,
  "'": String.raw`\(aq`,
  "`": String.raw`\(ga`,
  "^": String.raw`\(ha`,
  "~": String.raw`\(ti`,
  "…": "...",
};

/** What may be a flag, a file or a name: it isn't to be broken, with a hyphen that isn't of it. */
const TYPED = /\\-|[=_/]|[.:]\w/;

/** Text as it is to be read, for man(7). It may not have other characters than ASCII and `…`. */
export function escaped(text: string): string {
  const roff = text.replaceAll(/[\\'`^~…-]/g, (character) => ESCAPES[character] ?? character);
  if (!/^[\n -~]*$/.test(roff)) throw new Error(`man(7) needs an escape for some of ${text}`);
  return roff;
}

/** Text in bold, as what is to be typed is. */
export function bold(text: string): string {
  return String.raw`\fB${escaped(text)}\fR`;
}

/** Text in italics, as what stands for something else is. */
export function italic(text: string): string {
  return String.raw`\fI${escaped(text)}\fR`;
}

/** Lines of running text. What a line of roff would begin a request with is no request here. */
export function filled(roff: string): string {
  const lines: string[] = [];
  let line = "";
  for (const plain of roff.split(" ")) {
    const word = TYPED.test(plain) ? String.raw`\%${plain}` : plain;
    const longer = line === "" ? word : `${line} ${word}`;
    // A sentence ends its line: the space after it is then the formatter's.
    if (line !== "" && (longer.length > WIDTH || /[.:?]$/.test(line))) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].map(guarded).join("\n");
}

/** Running text as it is to be read. */
export function paragraph(text: string): string {
  return filled(escaped(text));
}

/** A section, its parts one after the other. */
export function section(title: string, ...parts: readonly string[]): string {
  return [`.SH "${title}"`, ...parts].join("\n");
}

/** What is said of a tag, indented below it. */
export function tagged(tag: string, ...roff: readonly string[]): string {
  return [".TP", guarded(tag), ...roff.map((text, at) => (at === 0 ? text : `.IP\n${text}`))].join(
    "\n",
  );
}

/** Lines that stay as they are. */
export function example(...lines: readonly string[]): string {
  const roff = lines.map((line) => guarded(escaped(line)));
  return [".RS 4", ".EX", ...roff, ".EE", ".RE"].join("\n");
}

function guarded(line: string): string {
  return /^[.']/.test(line) ? String.raw`\&${line}` : line;
}
