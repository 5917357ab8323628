#!/bin/sh
# debootstrap.sh SUITE OUT PACKAGES [MIRROR]: writes OUT/node.tar and OUT/busybox.tar.
#
# To be run as root, under a lock of OUT, in mount and pid namespaces of its own: what debootstrap
# mounts and starts then ends with it. The tars appear whole or not at all.
set -eu
suite=$1
out=$2
packages=$3
mirror=${4:-}
here=$(dirname "$0")

[ ! -e "$out/node.tar" ] || exit 0
work=$out/work
rm -rf "$work"
mkdir -p "$work/busybox/bin" "$work/busybox/tmp"

debootstrap --variant=minbase --include="$packages" "$suite" "$work/node" ${mirror:+"$mirror"}
sh "$here/finish.sh" "$work/node"
cp "$work/node/bin/busybox" "$work/busybox/bin/"
chroot "$work/busybox" /bin/busybox --install -s /bin

tar -C "$work/busybox" -cf "$work/busybox.tar" .
tar -C "$work/node" -cf "$work/node.tar" .
mv "$work/busybox.tar" "$work/node.tar" "$out/"
rm -rf "$work"
