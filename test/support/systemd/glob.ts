/** Whether fnmatch(3) without flags finds that the pattern matches the text. */
export function globMatches(pattern: string, text: string): boolean {
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]!;
    const close = character === "[" ? pattern.indexOf("]", at + 2) : -1;
    if (character === "\\") {
      at += 1;
      source += RegExp.escape(pattern[at] ?? "\\");
    } else if (character === "*") {
      source += ".*";
    } else if (character === "?") {
      source += ".";
    } else if (close > 0) {
      source += `[${pattern.slice(at + 1, close).replace(/\\/g, "\\\\")}]`;
      at = close;
    } else {
      source += RegExp.escape(character);
    }
  }
  return new RegExp(`^${source}$`, "s").test(text);
}
