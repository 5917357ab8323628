/** Returns the number of a line `KEY NUMBER` of a cgroup's file; undefined if there is no such line. */
export function keyedNumber(text: string | undefined, key: string): number | undefined {
  const line = text?.split("\n").find((each) => each.startsWith(`${key} `));
  return wholeNumber(line?.slice(key.length + 1));
}

/** Returns a number as the kernel writes it; undefined for any other text. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : undefined;
}
