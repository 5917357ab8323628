#!/bin/sh
# finish.sh ROOT: makes a fresh Debian in ROOT fit for tests.
set -eu
root=$1

# systemd finds an id at boot, rather than that of the machine which made the image.
: >"$root/etc/machine-id"

# Nothing starts by itself in the middle of a test.
rm -f "$root"/etc/systemd/system/timers.target.wants/*

# Less to import.
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log \
  "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/info "$root"/usr/share/locale
