/** OTLP protocols, as the OpenTelemetry variables name them. */
export const OTLP_PROTOCOLS = ["http/protobuf", "http/json", "grpc"] as const;
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];

/** Signals that unitwatch sends over OTLP. */
export type OtlpSignal = "logs" | "metrics";
