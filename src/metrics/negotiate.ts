import type { ExpositionFormat } from "./exposition.ts";

/**
 * The format that a scraper's Accept header asks for: OpenMetrics 1.0 where it ranks that above
 * plain text, else the text format. https://www.rfc-editor.org/rfc/rfc9110#name-accept
 */
export function negotiateFormat(accept: string | undefined): ExpositionFormat {
  if (accept === undefined) return "text";
  let openMetrics = 0;
  const text = new Map<string, number>();
  for (const range of accept.slice(0, MAX_ACCEPT_CHARS).split(",")) {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const quality = qualityOf(parameters);
    if (type === "application/openmetrics-text") {
      const version = parameters.find((parameter) => parameter.startsWith("version="));
      if (version === undefined || /^version=("?)1\.0\.0\1$/.test(version)) {
        openMetrics = Math.max(openMetrics, quality);
      }
    } else {
      text.set(type, Math.max(text.get(type) ?? 0, quality));
    }
  }
  // The most specific range that matches is the one that counts.
  const asText = text.get("text/plain") ?? text.get("text/*") ?? text.get("*/*") ?? 0;
  return openMetrics > 0 && openMetrics >= asText ? "openmetrics" : "text";
}

const MAX_ACCEPT_CHARS = 1_024;

function qualityOf(parameters: readonly string[]): number {
  const q = parameters.find((parameter) => parameter.startsWith("q="));
  if (q === undefined) return 1;
  const quality = Number(q.slice(2));
  return quality >= 0 && quality <= 1 ? quality : 0;
}
