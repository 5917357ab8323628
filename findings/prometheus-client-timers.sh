#!/usr/bin/env bash
# Each call of collectDefaultMetrics of @prometheus-io/client (prom-client's successor) begins a timer
# of 100 ms that nothing ends: not registry.clear(), not the removal of its metrics. A program, or a
# test run, that makes a registry of default metrics ten times wakes a hundred times a second for ever,
# to observe into metrics that no registry has.
#
# Versions: npm @prometheus-io/client 0.16.1, npm prom-client 15.1.3
# Seen: ten registries, each filled and cleared: ten timers that run on, and a summary that goes on
#       growing after it was removed. prom-client 15.1.3 begins none.
# Expected before the run: registry.clear(), which removes the metrics, ends what feeds them.
# Needs: Node 20 or newer, npm.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --no-audit --no-fund --loglevel=error --ignore-scripts \
  @prometheus-io/client@0.16.1 prom-client@15.1.3 >/dev/null

cat >run.cjs <<'JS'
const running = new Set();
const { setInterval: begin, clearInterval: end } = globalThis;
globalThis.setInterval = (...args) => {
  const timer = begin(...args);
  running.add(timer);
  return timer;
};
globalThis.clearInterval = (timer) => {
  running.delete(timer);
  end(timer);
};

const [name] = process.argv.slice(2);
const client = require(name);
const registries = Array.from({ length: 10 }, () => {
  const register = new client.Registry();
  client.collectDefaultMetrics({ register });
  return register;
});
const summaries = registries.flatMap(
  (register) => register.getSingleMetric("nodejs_eventloop_utilization_summary") ?? [],
);
for (const register of registries) register.clear();
const countOf = async (summary) =>
  (await summary.get()).values.find(({ metricName }) => metricName?.endsWith("_count"))?.value ?? 0;

setTimeout(async () => {
  const counts = await Promise.all(summaries.map(countOf));
  const growing = counts.filter((count) => count > 0).length;
  console.log(`${name}: ${running.size} timers run, ${growing} removed summaries grow`);
  process.exitCode = 0;
}, 1_000);
JS
for name in @prometheus-io/client prom-client; do node run.cjs "$name"; done >seen.txt
cat >expected.txt <<'TXT'
@prometheus-io/client: 10 timers run, 10 removed summaries grow
prom-client: 0 timers run, 0 removed summaries grow
TXT
diff expected.txt seen.txt
cat seen.txt
