#!/usr/bin/env bash
# VictoriaMetrics' parser of expositions skips the exemplar of a series with labels. Of a series
# without labels it reads the exemplar in place of the sample: the series is named after the start
# of the line, and has the labels, the value and the time stamp of the exemplar.
#
# Versions: github.com/VictoriaMetrics/VictoriaMetrics 1.151.0, PyPI prometheus-client 0.26.0
# Seen: prometheus-client writes two counters as OpenMetrics, one with a label and one without, each
#       with an exemplar of 0.25. VictoriaMetrics reads `lines_total{kind="x"}` right. `jobs_total`
#       is gone: in its place is a series with the name `jobs_total 7.0 #`, the label trace_id and
#       the value 0.25. It tells of no error. prometheus-client's own parser reads both counters.
# Expected before the run: an exemplar is skipped wherever it stands.
# Needs: Go 1.26.6 or newer, Python 3.11 or newer.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"

python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check prometheus-client==0.26.0
cat >write.py <<'PY'
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

registry = CollectorRegistry()
jobs = Counter("jobs", "Jobs.", registry=registry)
lines = Counter("lines", "Lines.", ["kind"], registry=registry).labels("x")
for counter, value in (jobs, 6.75), (lines, 8.75):
    counter.inc(value)
    counter.inc(0.25, exemplar={"trace_id": "abc"})
text = generate_latest(registry).decode()
open("metrics.txt", "w").write(text)
for family in text_string_to_metric_families(text):
    for name, labels, value, *_ in family.samples:
        if name.endswith("_total"):
            print(f"prometheus-client: name={name} labels={labels} value={value}")
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
	"strings"

	"github.com/VictoriaMetrics/VictoriaMetrics/lib/protoparser/prometheus"
)

func main() {
	text, err := os.ReadFile("metrics.txt")
	if err != nil {
		panic(err)
	}
	tell := func(message string) { fmt.Println("error:", message) }
	rows, _ := prometheus.UnmarshalWithMetadata(prometheus.Rows{}, prometheus.MetadataRows{}, string(text), tell)
	for _, row := range rows.Rows {
		if strings.HasSuffix(row.Metric, "_created") {
			continue
		}
		fmt.Printf("VictoriaMetrics: name=%s", row.Metric)
		for _, tag := range row.Tags {
			fmt.Printf(" %s=%s", tag.Key, tag.Value)
		}
		fmt.Println(" value:", row.Value)
	}
}
GO
{
  venv/bin/python write.py
  export GOFLAGS=-mod=mod GOPATH="$dir/go" GOCACHE="$dir/cache"
  go run . 2>go.log
} >seen.txt
cat >expected.txt <<'TXT'
prometheus-client: name=jobs_total labels={} value=7.0
prometheus-client: name=lines_total labels={'kind': 'x'} value=9.0
VictoriaMetrics: name=jobs_total 7.0 # trace_id=abc value: 0.25
VictoriaMetrics: name=lines_total kind=x value: 9
TXT
diff expected.txt seen.txt
cat seen.txt
grep -q '^jobs_total 7.0 # {trace_id="abc"} 0.25 ' metrics.txt
