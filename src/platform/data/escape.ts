/** Characters that are no text to see: controls, format marks (bidi, zero width), surrogates,
 * unassigned and private ones, and the two Unicode line ends. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
const MAX_EXCERPT_BYTES = 400;

/**
 * Returns text from anywhere as a JSON string literal that is safe on one line of a terminal or a
 * log: what could end the line, drive the terminal or hide becomes an escape (`\n`, `\u001b`).
 */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(UNPRINTABLE, escaped);
}

/** As `quoted` without the quotes: printable characters stay, backslashes and quotes too. */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNPRINTABLE, escaped);
}

/** Returns the first `maxLength` UTF-16 units of `text`, with `…` if some were cut. */
export function clipped(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}

/**
 * Returns bytes from a peer for an error message: one line of printable ASCII, all else as `\xNN`,
 * without line ends at the end, cut after 400 bytes.
 */
export function excerpt(bytes: Uint8Array | string): string {
  const all = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
  let end = all.length;
  while (end > 0 && (all[end - 1] === 0x0d || all[end - 1] === 0x0a)) end -= 1;
  const shown = Math.min(end, MAX_EXCERPT_BYTES);
  let text = "";
  for (const byte of all.subarray(0, shown)) {
    const isPrintable = byte >= 0x20 && byte < 0x7f;
    text += isPrintable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return shown < end ? `${text}… (${all.length} bytes)` : text;
}

function escaped(character: string): string {
  let text = "";
  for (let at = 0; at < character.length; at++) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return text;
}
