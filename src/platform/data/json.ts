/** A parsed JSON object; its members can be of any type. */
export type JsonObject = { readonly [key: string]: unknown };

/** Returns the parsed value; undefined if the text is no JSON. Never throws. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Returns the parsed object; undefined if the text is no JSON, or JSON but no object. */
export function parseJsonObject(text: string): JsonObject | undefined {
  const value = parseJson(text);
  return isJsonObject(value) ? value : undefined;
}

/** Returns false for arrays too. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the value if it is an object, else an object without members. */
export function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** Returns the value if it is a string, else "". */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
