#!/bin/sh
# victoria.sh OUT [MIRROR]: makes OUT/victoria-logs and OUT/victoria-metrics from Debian 13's package
# of VictoriaMetrics, which has VictoriaMetrics as a program, and VictoriaLogs as source.
#
# Run it under a lock of OUT. It installs nothing: all downloads go into a temporary folder, and the
# suite and the version of Go may differ from this machine's.
set -eu
out=$1
mirror=${2:-http://deb.debian.org/debian}
suite=trixie
go=1.24
packages="victoria-metrics golang-$go-go golang-$go-src
  golang-github-victoriametrics-victoriametrics-dev
  golang-github-victoriametrics-easyproto-dev
  golang-github-victoriametrics-metrics-dev
  golang-github-victoriametrics-metricsql-dev
  golang-github-valyala-bytebufferpool-dev
  golang-github-valyala-fastjson-dev
  golang-github-valyala-fastrand-dev
  golang-github-valyala-fasttemplate-dev
  golang-github-valyala-histogram-dev
  golang-github-valyala-quicktemplate-dev
  golang-github-cespare-xxhash-dev
  golang-github-golang-snappy-dev
  golang-github-klauspost-compress-dev
  golang-golang-x-sys-dev
  golang-gopkg-yaml.v2-dev"

[ ! -e "$out/victoria-logs" ] || exit 0
work=$out/work
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/debs" "$work/root"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"
: >"$work/status"
cat >"$work/apt.conf" <<EOF
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
Dir::Cache "$work";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
Dir::State::lists "$work/lists";
Dir::State::status "$work/status";
EOF
export APT_CONFIG="$work/apt.conf"
apt-get -q update
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get -q download $packages)
for deb in "$work"/debs/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/root" \
    --exclude=testdata --exclude='*_test.go' --exclude=./usr/share/doc --exclude='./usr/bin/vm*'
done

export GOROOT="$work/root/usr/lib/go-$go" GOPATH="$work/root/usr/share/gocode"
export GOCACHE="$work/cache" GO111MODULE=off GOTOOLCHAIN=local GOFLAGS=-trimpath CGO_ENABLED=0
# Without inlining the build takes three quarters of the time.
"$GOROOT/bin/go" build -gcflags=all=-l -ldflags=-s -o "$work/victoria-logs" \
  github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-logs
mv "$work/root/usr/bin/victoria-metrics" "$work/victoria-logs" "$out/"
rm -rf "$work"
