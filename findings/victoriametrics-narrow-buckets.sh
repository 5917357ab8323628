#!/usr/bin/env bash
# VictoriaMetrics names each bucket of an OTLP exponential histogram by its bounds with four digits.
# Where the values lie close together the SDK's buckets are narrower than that: several buckets
# become samples of one series at one time, and most of the values are lost to a query.
#
# Versions: github.com/VictoriaMetrics/VictoriaMetrics 1.151.0 (its OTLP parser),
#           PyPI opentelemetry-sdk and opentelemetry-exporter-otlp-proto-common 1.45.2
# Seen: of 50 values from 100 to 100.98 the SDK makes 50 buckets (scale 13). VictoriaMetrics makes
#       11 series of them with up to five samples at the same time, such as the one of
#       `vmrange="1.001e+02...1.001e+02"`. Of 50 values from 100 to 198 (scale 7) it makes 50 series.
#       By hand on Debian 13's server: `sum(narrow_bucket)` is 11, and `narrow_count` 50.
# Expected before the run: a bucket a series; at most the zero and negative buckets differ.
# Needs: Go 1.26.6 or newer, Python 3.11 or newer.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check \
  opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-common==1.45.2
cat >record.py <<'PY'
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation

reader = InMemoryMetricReader(preferred_aggregation={Histogram: ExponentialBucketHistogramAggregation()})
meter = MeterProvider([reader]).get_meter("finding")
for name, step in ("narrow", 0.02), ("wide", 2):
    histogram = meter.create_histogram(name)
    for index in range(50):
        histogram.record(100 + index * step)
data = reader.get_metrics_data()
for metric in data.resource_metrics[0].scope_metrics[0].metrics:
    point = metric.data.data_points[0]
    buckets = sum(count > 0 for count in point.positive.bucket_counts)
    print(f"SDK {metric.name}: scale {point.scale}, {point.count} values in {buckets} buckets")
open("metrics.pb", "wb").write(encode_metrics(data).SerializeToString())
PY

cat >go.mod <<'GO'
module finding
go 1.26.6
require github.com/VictoriaMetrics/VictoriaMetrics v1.151.0
GO
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/prompb"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/protoparser/opentelemetry/stream"
)

func main() {
	file, err := os.Open("metrics.pb")
	if err != nil {
		panic(err)
	}
	stream.InitDecodeOptions()
	samples := map[string]map[string]int{}
	read := func(series []prompb.TimeSeries, _ []prompb.MetricMetadata) error {
		for _, one := range series {
			labels := map[string]string{}
			for _, label := range one.Labels {
				labels[label.Name] = label.Value
			}
			if labels["vmrange"] != "" {
				name := labels["__name__"]
				if samples[name] == nil {
					samples[name] = map[string]int{}
				}
				samples[name][labels["vmrange"]] += len(one.Samples)
			}
		}
		return nil
	}
	if err := stream.ParseStream(file, "", nil, read); err != nil {
		panic(err)
	}
	for _, name := range []string{"narrow_bucket", "wide_bucket"} {
		total, most := 0, 0
		for _, count := range samples[name] {
			total += count
			most = max(most, count)
		}
		fmt.Printf("VictoriaMetrics %s: %d samples in %d series, up to %d in one\n", name, total, len(samples[name]), most)
	}
	fmt.Println(samples["narrow_bucket"]["1.001e+02...1.001e+02"], "samples of 1.001e+02...1.001e+02")
}
GO
{
  venv/bin/python record.py
  GOFLAGS=-mod=mod GOPATH="$dir/go" GOCACHE="$dir/cache" go run . 2>go.log
} >seen.txt
cat >expected.txt <<'TXT'
SDK narrow: scale 13, 50 values in 50 buckets
SDK wide: scale 7, 50 values in 50 buckets
VictoriaMetrics narrow_bucket: 50 samples in 11 series, up to 5 in one
VictoriaMetrics wide_bucket: 50 samples in 50 series, up to 1 in one
5 samples of 1.001e+02...1.001e+02
TXT
diff expected.txt seen.txt
cat seen.txt
