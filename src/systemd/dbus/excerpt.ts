const maxExcerptBytes = 400;

/**
 * What a peer said, fit for an error message: one line of printable ASCII, everything else as
 * `\xNN`, line ends at the end left out, cut after 400 bytes.
 */
export function excerpt(said: Uint8Array | string): string {
  const bytes = typeof said === "string" ? Buffer.from(said) : said;
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0d || bytes[end - 1] === 0x0a)) end -= 1;
  const shown = Math.min(end, maxExcerptBytes);
  let text = "";
  for (const byte of bytes.subarray(0, shown)) {
    const printable = byte >= 0x20 && byte < 0x7f;
    text += printable ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return shown < end ? `${text}… (${bytes.length} bytes)` : text;
}
