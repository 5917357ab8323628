#!/usr/bin/env bash
# The text format ignores blanks at the start of a line. Prometheus does so before `#` and `{`, but
# takes those before a metric's name into the name. Prometheus 2 refuses the whole scrape for it,
# Prometheus 3 has a series of another name. `promtool check metrics` passes the file.
#
# Versions: prometheus and promtool of Debian bookworm (2.42), github.com/prometheus/prometheus
#           0.315.0 (the parser of Prometheus 3.15), github.com/prometheus/common 0.73.1
# Seen: of the samples `  load 1` and `runs 2` the server 2.42 has none: the target is down with the
#       error `invalid metric name or label names: {__name__="  load"}`. The parser of 3.15 reads
#       the name "  load", which is a valid UTF-8 name. The parser of common, which promtool and
#       the textfile collector of node_exporter use, reads `load`.
# Expected before the run: the blanks are ignored by all, or refused by all.
# Needs: Debian bookworm's apt lists, dpkg-deb, Go 1.26 or newer, Python 3.
set -euo pipefail
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"

version=$(apt-cache madison prometheus | grep -o '2\.42\.0+ds-5[^ ]*' | head -1)
apt-get download --quiet=2 "prometheus=$version" >/dev/null 2>&1
dpkg-deb -x prometheus_*.deb root
cat >metrics.txt <<'TXT'
# HELP load Load.
# TYPE load gauge
  load 1
# HELP runs Runs.
# TYPE runs gauge
runs 2
TXT

cat >scrape.py <<'PY'
import http.server, json, subprocess, threading, time, urllib.request

class Target(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(open("metrics.txt", "rb").read())

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
threading.Thread(target=server.serve_forever, daemon=True).start()
targets = [{"targets": [f"127.0.0.1:{server.server_port}"]}]
job = {"job_name": "j", "scrape_interval": "1s", "scrape_timeout": "1s", "static_configs": targets}
json.dump({"scrape_configs": [job]}, open("prometheus.yml", "w"))
spare = http.server.HTTPServer(("127.0.0.1", 0), Target)
address = f"127.0.0.1:{spare.server_port}"
spare.server_close()
command = ["root/usr/bin/prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
prometheus = subprocess.Popen([*command, f"--web.listen-address={address}"], stderr=open("log", "w"))
try:
    deadline = time.monotonic() + 60
    health = outcome = "unknown"
    while health == "unknown" and time.monotonic() < deadline:
        time.sleep(0.2)
        try:
            answer = json.load(urllib.request.urlopen(f"http://{address}/api/v1/targets"))
        except OSError:
            continue
        for target in answer["data"]["activeTargets"]:
            health = target["health"]
            outcome = f"server 2.42: {health}, {target['lastError'].split(', instance')[0]}"
    print(outcome)
finally:
    prometheus.terminate()
    prometheus.wait()
PY

cat >go.mod <<'GO'
module finding
go 1.26
require (
	github.com/prometheus/common v0.73.1
	github.com/prometheus/prometheus v0.315.0
)
GO
cat >main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

func main() {
	text, err := os.ReadFile("metrics.txt")
	if err != nil {
		panic(err)
	}
	parser := textparse.NewPromParser(text, labels.NewSymbolTable(), false)
	for {
		entry, err := parser.Next()
		if err != nil {
			break
		}
		if entry == textparse.EntrySeries {
			var series labels.Labels
			parser.Labels(&series)
			name := series.Get(labels.MetricName)
			fmt.Printf("parser of 3.15: %q, valid: %v\n", name, model.UTF8Validation.IsValidMetricName(name))
		}
	}
	reader := expfmt.NewTextParser(model.UTF8Validation)
	families, err := reader.TextToMetricFamilies(bytes.NewReader(text))
	fmt.Println("parser of common:", families["load"].GetName(), families["runs"].GetName(), err)
}
GO
{
  root/usr/bin/promtool check metrics <metrics.txt && echo "promtool check metrics: passed"
  python3 scrape.py
  GOFLAGS=-mod=mod GOPATH="$dir/go" GOCACHE="$dir/cache" go run . 2>go.log
} >seen.txt
cat >expected.txt <<'TXT'
promtool check metrics: passed
server 2.42: down, invalid metric name or label names: {__name__="  load"
parser of 3.15: "  load", valid: true
parser of 3.15: "runs", valid: true
parser of common: load runs <nil>
TXT
diff expected.txt seen.txt
cat seen.txt
