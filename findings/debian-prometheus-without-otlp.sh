#!/usr/bin/env bash
# Debian's Prometheus has no OTLP receiver. The package of Debian 13 still accepts the option that
# turns it on, warns of it in one line of its log, starts, and answers each push with 404.
#
# Version: prometheus 2.53.3+ds1-2 (Debian 13, trixie)
# Seen: --enable-feature=otlp-write-receiver logs `Unknown option for --enable-feature`, and a push to
#       /api/v1/otlp/v1/metrics gets 404. The remote-write receiver, with its own option, is there.
#       In sid, prometheus 3.5.3+ds1-6 doesn't know --web.enable-otlp-receiver, and exits.
# Expected before the run: 2.53 has the receiver behind this option, as upstream's program does.
# Needs: Debian, apt-get, dpkg-deb, curl.
set -euo pipefail
dir=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid"; rm -rf "$dir"' EXIT
cd "$dir"

site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | head -1)
mkdir -p lists/partial
: >status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site trixie main" >sources.list
options=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root
  -o "Dir::State::lists=$dir/lists" -o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir" -o Debug::NoLocking=true)
apt-get "${options[@]}" --quiet=2 update
version=$(apt-cache "${options[@]}" madison prometheus | grep -o '2\.53\.3+ds1-2[^ ]*' | head -1)
apt-get "${options[@]}" --quiet=2 download "prometheus=$version" >/dev/null
dpkg-deb -x prometheus_*.deb root

echo 'global: {}' >prometheus.yml
root/usr/bin/prometheus --config.file=prometheus.yml --storage.tsdb.path=data \
  --web.listen-address=127.0.0.1:0 --web.enable-remote-write-receiver \
  --enable-feature=otlp-write-receiver 2>log &
pid=$!
until grep -q 'Server is ready' log; do
  kill -0 "$pid"
  read -rt 0.1 <> <(:) || :
done
port=$(grep -o 'Listening on" address=[0-9.]*:[0-9]*' log | grep -o '[0-9]*$')
push() {
  curl --silent --output /dev/null --write-out '%{http_code}\n' --request POST \
    --header 'Content-Type: application/x-protobuf' --data-binary '' "http://127.0.0.1:$port$1"
}
{
  root/usr/bin/prometheus --version 2>&1 | grep -o 'version [^ ]*' | head -1
  grep -o 'msg="Unknown option.*' log
  echo "OTLP: $(push /api/v1/otlp/v1/metrics)"
  echo "remote write, no body: $(push /api/v1/write)"
} >seen.txt
cat >expected.txt <<'TXT'
version 2.53.3+ds1
msg="Unknown option for --enable-feature" option=otlp-write-receiver
OTLP: 404
remote write, no body: 400
TXT
diff expected.txt seen.txt
cat seen.txt
