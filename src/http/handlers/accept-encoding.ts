/**
 * Whether a response should be gzipped, by the request's Accept-Encoding (RFC 9110, section 12.5.3):
 * gzip has to be named, or covered by `*`, with a weight that is neither 0 nor below identity's.
 */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const weights = new Map<string, number>();
  for (const item of (acceptEncoding ?? "").toLowerCase().split(",")) {
    const [coding = "", ...parameters] = item.split(";").map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    const value = weight === undefined ? 1 : Number(weight.slice(2));
    weights.set(coding === "x-gzip" ? "gzip" : coding, value >= 0 && value <= 1 ? value : 0);
  }
  const gzip = weights.get("gzip") ?? weights.get("*") ?? 0;
  return gzip > 0 && gzip >= (weights.get("identity") ?? 0);
}
