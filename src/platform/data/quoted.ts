// Controls, format marks (bidi, zero width), surrogates, unassigned and private characters, and the
// two Unicode line ends.
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Text from anywhere as a JSON string literal that is safe on one line of a terminal or a log: what
 * could end the line, drive the terminal or hide is written as an escape (`\n`, `\u001b`).
 */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(UNPRINTABLE, escaped);
}

/** The same without the quotes: what is printable stays as it is, backslashes and quotes too. */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNPRINTABLE, escaped);
}

/** The first `maxLength` UTF-16 units of `text`, with `…` where some were cut. */
export function clipped(text: string, maxLength: number): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`;
}

function escaped(character: string): string {
  let text = "";
  for (let at = 0; at < character.length; at++) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`;
  }
  return text;
}
