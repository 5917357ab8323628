#!/usr/bin/env bash
# @platformatic/promotel turns Prometheus text into OTLP metrics. Without an error it drops each
# series that has a `}` in a label value and each whose value is NaN or infinite, and it makes a
# histogram of one bucket without bounds of any classic histogram.
#
# Version: @platformatic/promotel 0.2.2
# Seen: of 2 counter series 1 is left, of 3 gauge series 1, and buckets 2, 3, 4 at the bounds 1, 5
#       and +Inf become explicit_bounds [] with bucket_counts [4]. No point has a start time.
# Expected before the run: bucket counts that are still cumulative.
# Needs: Node 20.18.1 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --no-audit --no-fund --loglevel=error @platformatic/promotel@0.2.2 >/dev/null

cat >convert.mjs <<'JS'
import { convert, parse } from "@platformatic/promotel";
const text = `# TYPE k_total counter
k_total{l="plain"} 3
k_total{l="a}b"} 2
# TYPE g gauge
g{l="1"} NaN
g{l="2"} +Inf
g{l="3"} 1
# TYPE h_seconds histogram
h_seconds_bucket{le="1"} 2
h_seconds_bucket{le="5"} 3
h_seconds_bucket{le="+Inf"} 4
h_seconds_sum 13.2
h_seconds_count 4
`;
const [{ metrics }] = convert(parse(text)).resource_metrics[0].scope_metrics;
for (const { name, sum, gauge, histogram } of metrics) {
  for (const point of (sum ?? gauge ?? histogram).data_points) {
    const labels = point.attributes.map(({ key, value }) => `${key}=${value.string_value}`);
    const buckets = JSON.stringify([point.explicit_bounds, point.bucket_counts]);
    const value = histogram === undefined ? point.as_double : buckets;
    console.log(name, labels.join(), value, "start:", String(point.start_time_unix_nano));
  }
}
JS
node convert.mjs >seen.txt
cat >expected.txt <<'TXT'
k_total l=plain 3 start: undefined
g l=3 1 start: undefined
h_seconds  [[],[4]] start: undefined
TXT
diff expected.txt seen.txt
cat seen.txt
