/** A JSON object as it was parsed: nothing about its members is known yet. */
export type JsonObject = { readonly [key: string]: unknown };

/** Undefined where the text is no JSON, or JSON but no object. Never throws. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** False for arrays too. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is no object is one without members. */
export function objectOf(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}

/** What is no text is an empty one. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
