import { readFile, writeFile } from "node:fs/promises";

/**
 * Returns the text of a file in test/golden, the expected value of `text`. UPDATE_GOLDEN=1 writes
 * `text` to the file first: review the difference before a commit.
 */
export async function golden(name: string, text: string): Promise<string> {
  const file = new URL(`../golden/${name}`, import.meta.url);
  if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(file, text);
  return readFile(file, "utf8");
}
