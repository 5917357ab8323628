#!/usr/bin/env bash
# A series of a Prometheus rule test may be `values: 0x10`: the value 0, repeated ten more times.
# promtool reads it as a string. A program that reads and writes the file by a YAML library makes
# the number 16 of it, one sample, and the test no longer tests what it did.
#
# Version: yaml 2.9.1, js-yaml 4.1.0 (npm), promtool of Debian's prometheus 2.42.0+ds-5
# Seen: `values: 0x10` is written as `values: 16` by both libraries. promtool passes the file that
#       was written by hand, and fails the rewritten one: there is no sample at 10m.
# Expected before the run: a plain scalar that promtool takes as text stays text.
# Needs: Debian bookworm's apt lists, dpkg-deb, Node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

version=$(apt-cache madison prometheus | grep -o '2\.42\.0+ds-5[^ ]*' | head -1)
apt-get download --quiet=2 "prometheus=$version" >/dev/null 2>&1
dpkg-deb -x prometheus_*.deb root
npm init --yes >/dev/null
npm install --no-audit --no-fund --loglevel=error yaml@2.9.1 js-yaml@4.1.0 >/dev/null

cat >rules.yml <<'YML'
groups:
  - name: g
    rules:
      - { alert: Idle, expr: load == 0 }
YML
cat >test.yml <<'YML'
rule_files: [rules.yml]
tests:
  - interval: 1m
    input_series:
      - series: load
        values: 0x10
    alert_rule_test:
      - eval_time: 10m
        alertname: Idle
        exp_alerts: [{}]
YML
cat >rewrite.mjs <<'JS'
import { readFileSync, writeFileSync } from "node:fs";
import jsYaml from "js-yaml";
import YAML from "yaml";
const text = readFileSync("test.yml", "utf8");
writeFileSync("yaml.yml", YAML.stringify(YAML.parse(text)));
writeFileSync("js-yaml.yml", jsYaml.dump(jsYaml.load(text)));
JS
node rewrite.mjs

for file in test.yml yaml.yml js-yaml.yml; do
  result=failed
  if root/usr/bin/promtool test rules "$file" >/dev/null 2>&1; then result=passed; fi
  echo "$file:$(grep 'values:' "$file" | sed 's/  */ /g') $result"
done >seen.txt
cat >expected.txt <<'TXT'
test.yml: values: 0x10 passed
yaml.yml: values: 16 failed
js-yaml.yml: values: 16 failed
TXT
diff expected.txt seen.txt
cat seen.txt
