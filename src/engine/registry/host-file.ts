import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { type JsonObject, objectOf, parseJsonObject, textOf } from "../../platform/data/json.ts";

/** Room for the first piece of a file: most have no more. */
const PIECE_BYTES = 8 * 1024;
/** Longest text of a label, a name or an image that is kept. */
const MAX_TEXT_CHARS = 256;
const MAX_LABELS = 256;

/**
 * Returns the text of a file; undefined if it is missing, unreadable, no regular file or larger than
 * `maxBytes`: a file that is cut would say something else.
 */
export async function readHostFile(path: string, maxBytes: number): Promise<string | undefined> {
  try {
    // Without O_NONBLOCK, opening a FIFO waits for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) return undefined;
    let bytes = Buffer.allocUnsafe(PIECE_BYTES);
    let length = 0;
    // Files of /proc have no size, and come in pieces.
    for (;;) {
      if (length === bytes.length) bytes = Buffer.concat([bytes], bytes.length * 2);
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
      if (length > maxBytes) return undefined;
    }
    return bytes.toString("utf8", 0, length);
  } catch {
    return undefined;
  }
}

/** Returns the object of a JSON file; undefined as {@link readHostFile}, or if it is no JSON object. */
export async function readJsonFile(
  path: string,
  maxBytes: number,
): Promise<JsonObject | undefined> {
  const text = await readHostFile(path, maxBytes);
  return text === undefined ? undefined : parseJsonObject(text);
}

/** Returns the number of a file with a pid alone; undefined if it has none. */
export async function readPidFile(path: string): Promise<number | undefined> {
  const text = (await readHostFile(path, 64))?.trim() ?? "";
  return /^[1-9]\d{0,9}$/.test(text) ? Number(text) : undefined;
}

/** Returns labels or annotations, bounded in number and length; members that are no text are left out. */
export function labelsOf(value: unknown): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  for (const [key, text] of Object.entries(objectOf(value))) {
    if (labels.size === MAX_LABELS) break;
    if (typeof text === "string" && key.length <= MAX_TEXT_CHARS)
      labels.set(key, boundedText(text));
  }
  return labels;
}

/** Returns text that is well formed and bounded; "" for what is no text. */
export function boundedText(value: unknown): string {
  return textOf(value).slice(0, MAX_TEXT_CHARS).toWellFormed();
}
