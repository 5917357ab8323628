export interface Field {
  readonly name: string;
  /** A key of {@link OTLP_MESSAGES}, or a scalar type of protobuf; `id`: bytes that JSON has in hex. */
  readonly type: string;
  readonly isRepeated: boolean;
}
export type Message = ReadonlyMap<number, Field>;

/**
 * The messages of a request for logs or metrics: number, JSON name and type of each field, `*` where it
 * is repeated. https://github.com/open-telemetry/opentelemetry-proto (1.5)
 */
export const OTLP_MESSAGES: ReadonlyMap<string, Message> = parsed(`
ExportLogsServiceRequest: 1 resourceLogs ResourceLogs*
ResourceLogs: 1 resource Resource, 2 scopeLogs ScopeLogs*, 3 schemaUrl string
ScopeLogs: 1 scope InstrumentationScope, 2 logRecords LogRecord*, 3 schemaUrl string
LogRecord: 1 timeUnixNano fixed64, 11 observedTimeUnixNano fixed64, 2 severityNumber enum,
  3 severityText string, 5 body AnyValue, 6 attributes KeyValue*, 7 droppedAttributesCount uint32,
  8 flags fixed32, 9 traceId id, 10 spanId id, 12 eventName string
Resource: 1 attributes KeyValue*, 2 droppedAttributesCount uint32
InstrumentationScope: 1 name string, 2 version string, 3 attributes KeyValue*,
  4 droppedAttributesCount uint32
KeyValue: 1 key string, 2 value AnyValue
AnyValue: 1 stringValue string, 2 boolValue bool, 3 intValue int64, 4 doubleValue double,
  5 arrayValue ArrayValue, 6 kvlistValue KeyValueList, 7 bytesValue bytes
ArrayValue: 1 values AnyValue*
KeyValueList: 1 values KeyValue*
ExportMetricsServiceRequest: 1 resourceMetrics ResourceMetrics*
ResourceMetrics: 1 resource Resource, 2 scopeMetrics ScopeMetrics*, 3 schemaUrl string
ScopeMetrics: 1 scope InstrumentationScope, 2 metrics Metric*, 3 schemaUrl string
Metric: 1 name string, 2 description string, 3 unit string, 5 gauge Gauge, 7 sum Sum,
  9 histogram Histogram, 10 exponentialHistogram ExponentialHistogram, 11 summary Summary,
  12 metadata KeyValue*
Gauge: 1 dataPoints NumberDataPoint*
Sum: 1 dataPoints NumberDataPoint*, 2 aggregationTemporality enum, 3 isMonotonic bool
Histogram: 1 dataPoints HistogramDataPoint*, 2 aggregationTemporality enum
ExponentialHistogram: 1 dataPoints ExponentialHistogramDataPoint*, 2 aggregationTemporality enum
Summary: 1 dataPoints SummaryDataPoint*
NumberDataPoint: 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 7 attributes KeyValue*,
  4 asDouble double, 6 asInt sfixed64, 5 exemplars Exemplar*, 8 flags uint32
HistogramDataPoint: 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 9 attributes KeyValue*,
  4 count fixed64, 5 sum double, 6 bucketCounts fixed64*, 7 explicitBounds double*,
  8 exemplars Exemplar*, 10 flags uint32, 11 min double, 12 max double
ExponentialHistogramDataPoint: 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64,
  1 attributes KeyValue*, 4 count fixed64, 5 sum double, 6 scale sint32, 7 zeroCount fixed64,
  8 positive Buckets, 9 negative Buckets, 10 flags uint32, 11 exemplars Exemplar*, 12 min double,
  13 max double, 14 zeroThreshold double
Buckets: 1 offset sint32, 2 bucketCounts uint64*
SummaryDataPoint: 2 startTimeUnixNano fixed64, 3 timeUnixNano fixed64, 7 attributes KeyValue*,
  4 count fixed64, 5 sum double, 6 quantileValues ValueAtQuantile*, 8 flags uint32
ValueAtQuantile: 1 quantile double, 2 value double
Exemplar: 7 filteredAttributes KeyValue*, 2 timeUnixNano fixed64, 3 asDouble double,
  6 asInt sfixed64, 4 spanId id, 5 traceId id`);

function parsed(schema: string): ReadonlyMap<string, Message> {
  const messages = schema.matchAll(/^(\w+):([^:]+)$/gm);
  return new Map(
    messages.map(([, message = "", fields = ""]) => {
      const numbered = fields.matchAll(/(\d+) (\w+) (\w+)(\*?)/g);
      const entries = numbered.map(
        ([, number, name = "", type = "", star]) =>
          [Number(number), { name, type, isRepeated: star === "*" }] as const,
      );
      return [message, new Map(entries)];
    }),
  );
}
