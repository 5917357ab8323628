/** Longest text to compare; longer texts are near no word. */
const MAX_LENGTH = 64;

/**
 * Returns the word that `text` probably means: the only word that ends with `.text`, or else the
 * word with the smallest edit distance, at most a third of the text's length (and at least 2).
 */
export function nearest(text: string, words: readonly string[]): string | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const whole = words.filter((word) => word.endsWith(`.${text}`));
  if (whole.length === 1) return whole[0];
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(text.length / 3)) + 1;
  for (const word of words) {
    const distance = editDistance(text, word);
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

/** Returns the Levenshtein distance. */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      const added = (current[column - 1] ?? 0) + 1;
      const dropped = (above[column] ?? 0) + 1;
      current.push(Math.min(replaced, added, dropped));
    }
    above = current;
  }
  return above[to.length] ?? from.length;
}
