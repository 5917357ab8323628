#!/usr/bin/env bash
# One attribute that is NaN, sent by the OpenTelemetry SDK for JavaScript as OTLP/JSON, makes the
# Collector's decoder refuse the whole request. The same records as OTLP/protobuf are accepted.
#
# Versions: @opentelemetry/otlp-transformer 0.301.0, @opentelemetry/sdk-logs 3.1.0,
#           go.opentelemetry.io/collector/pdata 1.48.0
# Seen: JsonLogsSerializer writes {"doubleValue":null} for NaN and for both infinities, where the
#       JSON mapping of Protocol Buffers has the texts "NaN", "Infinity" and "-Infinity". The decoder
#       takes those texts and refuses null. A whole number beyond 64 bits becomes {"intValue":1e+21},
#       refused as well, while ProtobufLogsSerializer sends it as a double.
#       So a request of 2 records with one such value is lost over http/json, both records of it.
# Expected before the run: a NaN costs its own value at most.
# Needs: Node 22 or newer, npm, Go 1.25 or newer.
set -euo pipefail
export PATH="$(cd "$(dirname "$0")/.." && pwd)/node_modules/.bin:$PATH"
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --no-audit --no-fund --loglevel=error \
  @opentelemetry/api@1.10.0 @opentelemetry/core@3.1.0 @opentelemetry/resources@3.1.0 \
  @opentelemetry/sdk-logs@3.1.0 @opentelemetry/sdk-metrics@3.1.0 \
  @opentelemetry/otlp-transformer@0.301.0 >/dev/null

cat >send.mjs <<'JS'
import { JsonLogsSerializer, ProtobufLogsSerializer } from "@opentelemetry/otlp-transformer";
import { InMemoryLogRecordExporter, LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { writeFileSync } from "node:fs";
const values = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, "1e21": 1e21, "1.5": 1.5 };
for (const [name, value] of Object.entries(values)) {
  const exporter = new InMemoryLogRecordExporter();
  const logger = new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter })] }).getLogger("x");
  logger.emit({ body: "first", attributes: { value } });
  logger.emit({ body: "second" });
  const records = exporter.getFinishedLogRecords();
  writeFileSync(`${name}.json`, JsonLogsSerializer.serializeRequest(records));
  writeFileSync(`${name}.pb`, ProtobufLogsSerializer.serializeRequest(records));
}
JS
node send.mjs

cat >go.mod <<'GO'
module finding
go 1.25
require go.opentelemetry.io/collector/pdata v1.48.0
GO
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"go.opentelemetry.io/collector/pdata/plog"
)

func main() {
	for _, name := range []string{"NaN", "Infinity", "1e21", "1.5"} {
		text, _ := os.ReadFile(name + ".json")
		bytes, _ := os.ReadFile(name + ".pb")
		byJSON, jsonErr := (&plog.JSONUnmarshaler{}).UnmarshalLogs(text)
		byProto, protoErr := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(bytes)
		fmt.Println(name, "json:", outcome(byJSON, jsonErr), "protobuf:", outcome(byProto, protoErr))
	}
}

func outcome(logs plog.Logs, err error) string {
	if err != nil {
		return "refused"
	}
	return fmt.Sprint(logs.LogRecordCount(), " records")
}
GO
GOFLAGS=-mod=mod GOPATH="$dir/go" GOCACHE="$dir/cache" go mod tidy >/dev/null 2>&1
GOFLAGS=-mod=mod GOPATH="$dir/go" GOCACHE="$dir/cache" go run . >seen.txt
cat >expected.txt <<'TXT'
NaN json: refused protobuf: 2 records
Infinity json: refused protobuf: 2 records
1e21 json: refused protobuf: 2 records
1.5 json: 2 records protobuf: 2 records
TXT
diff expected.txt seen.txt
cat seen.txt
grep -o '"doubleValue":null' NaN.json
grep -o '"intValue":1e+21' 1e21.json
