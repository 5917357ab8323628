import { readFile, writeFile } from "node:fs/promises";

/**
 * The text of a file in test/golden, which `text` is expected to be. With UPDATE_GOLDEN=1 in the
 * environment `text` is written there first: look at the difference before you commit it.
 */
export async function golden(name: string, text: string): Promise<string> {
  const file = new URL(`../golden/${name}`, import.meta.url);
  if (process.env["UPDATE_GOLDEN"] === "1") await writeFile(file, text);
  return readFile(file, "utf8");
}
