/** Sums the samples of a metric in a scrape whose labels contain `having`. */
export function sumOf(text: string, name: string, having = ""): number {
  let sum = 0;
  for (let at = text.indexOf(`\n${name}`); at >= 0; at = text.indexOf(`\n${name}`, at + 1)) {
    const end = text.indexOf("\n", at + 1);
    const line = text.slice(at + 1, end);
    const after = line.charAt(name.length);
    if ((after === " " || after === "{") && line.includes(having)) {
      sum += Number(line.slice(line.lastIndexOf(" ")));
    }
  }
  return sum;
}
