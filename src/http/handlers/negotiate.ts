import Negotiator from "negotiator";

/** Reads no more than this of a header. */
const MAX_HEADER_CHARS = 1024;
const OPEN_METRICS = "application/openmetrics-text";
const OPEN_METRICS_1_0 = `${OPEN_METRICS};version=1.0.0`;

/**
 * Returns true if a request's Accept-Encoding prefers gzip (RFC 9110, section 12.5.3): it names gzip,
 * or covers it with `*`, with a weight that is neither 0 nor below that of identity.
 */
export function acceptsGzip(acceptEncoding = ""): boolean {
  const codings = items(acceptEncoding).map((coding) => coding.replace(/^\s*x-gzip\b/, "gzip"));
  const negotiator = new Negotiator({ headers: { "accept-encoding": codings.join() } });
  return negotiator.encoding(["gzip", "identity"], { preferred: ["gzip"] }) === "gzip";
}

/**
 * Returns the format of the metrics that an Accept header prefers (RFC 9110, section 12.5.1):
 * OpenMetrics 1.0 if the header names it with a weight that is neither 0 nor below that of plain
 * text, else the text format.
 */
export function negotiateFormat(accept = ""): "text" | "openmetrics" {
  const ranges = items(accept).map(comparable);
  if (!ranges.some((range) => range.startsWith(OPEN_METRICS_1_0))) return "text";
  const negotiator = new Negotiator({ headers: { accept: ranges.join() } });
  return negotiator.mediaType(["text/plain", OPEN_METRICS_1_0]) === OPEN_METRICS_1_0
    ? "openmetrics"
    : "text";
}

/** Returns the items of a header. An item with an invalid weight gets the weight 0. */
function items(header: string): string[] {
  return header
    .slice(0, MAX_HEADER_CHARS)
    .toLowerCase()
    .split(",")
    .map((item) =>
      item.replace(/;\s*q=([^;]*)/, (_parameter, text: string) => {
        const weight = Number(text);
        return `;q=${weight >= 0 && weight <= 1 ? weight : 0}`;
      }),
    );
}

/**
 * Returns a media range with the parameters that count here. OpenMetrics keeps its version, which
 * also makes it more specific than text and so preferred at the same weight.
 */
function comparable(range: string): string {
  const [type = "", ...parameters] = range.split(";").map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith("q=")) ?? "q=1";
  if (type !== OPEN_METRICS) return `${type};${weight}`;
  const version = parameters.find((parameter) => parameter.startsWith("version="));
  const isKnown = version === undefined || /^version=("?)1\.0\.0\1$/.test(version);
  return `${isKnown ? OPEN_METRICS_1_0 : OPEN_METRICS + ";version=other"};${weight}`;
}
