#!/usr/bin/env bash
# Where summer time begins at midnight (Cuba, Chile, Egypt, Lebanon), systemd finds no next time for
# a timer such as `OnCalendar=0/6:00` on the evening before: its search gives up with EDEADLK. A
# timer unit then never runs again: it stays `active (elapsed)` with Result=success, and neither the
# journal nor `systemctl is-system-running` tells.
#
# Version: systemd 252 and tzdata of Debian bookworm
# Seen: from 23:30 on, hours written with a step that has no end (`0/6:00`, `1/6:00`, `0/2:15`) are
#       refused with "Resource deadlock avoided" in each such zone, also where the hours themselves
#       exist. The same hours as a list (`0,6,12,18:00`) or with an end (`0..23/6:00`) go on at
#       06:00. With a clock change at 02:00 (Berlin) every form goes on.
#       By hand on nodes: 247 answers 06:00; 257 and 262 fail like 252. On 257 a timer with
#       `0/2:*:0/10` ran every 10 s up to 22:59:50, was elapsed from then on, and stayed so.
# Expected before the run: a time that doesn't exist is skipped, in every form alike.
# Needs: Debian bookworm's apt lists, dpkg-deb.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

version=$(apt-cache madison systemd | grep -o '252\.[0-9]*-[^ ]*deb12[^ ]*' | head -1)
zones=$(apt-cache madison tzdata | grep -o '20[0-9]*[a-z]*-[^ ]*deb12[^ ]*' | head -1)
apt-get download --quiet=2 "systemd=$version" "libsystemd-shared=$version" "tzdata=$zones" >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done

# next ZONE TIME SPECIFICATION: the next time of the calendar specification, or why there is none.
next() {
  local answer
  answer=$(
    TZ=$1 TZDIR=$dir/root/usr/share/zoneinfo LC_ALL=C LD_LIBRARY_PATH=$(echo root/usr/lib/*/systemd) \
      root/usr/bin/systemd-analyze calendar --base-time="$2" -- "$3" 2>&1 |
      sed -n 's/ *Next elapse: //p; s/.*: \(Resource deadlock avoided\)$/\1/p'
  ) || true
  echo "$1 $3: $answer"
}

{
  while read -r zone evening; do
    for calendar in 0/6:00 1/6:00 0/2:15 0,6,12,18:00 0..23/6:00; do next "$zone" "$evening 23:30:00" "$calendar"; done
  done <<'TXT'
America/Havana 2026-03-07
America/Santiago 2026-09-05
Africa/Cairo 2026-04-23
Asia/Beirut 2026-03-28
TXT
  next Europe/Berlin "2026-03-29 01:30:00" 2/6:00
} >seen.txt
cat >expected.txt <<'TXT'
America/Havana 0/6:00: Resource deadlock avoided
America/Havana 1/6:00: Resource deadlock avoided
America/Havana 0/2:15: Resource deadlock avoided
America/Havana 0,6,12,18:00: Sun 2026-03-08 06:00:00 CDT
America/Havana 0..23/6:00: Sun 2026-03-08 06:00:00 CDT
America/Santiago 0/6:00: Resource deadlock avoided
America/Santiago 1/6:00: Resource deadlock avoided
America/Santiago 0/2:15: Resource deadlock avoided
America/Santiago 0,6,12,18:00: Sun 2026-09-06 06:00:00 -03
America/Santiago 0..23/6:00: Sun 2026-09-06 06:00:00 -03
Africa/Cairo 0/6:00: Resource deadlock avoided
Africa/Cairo 1/6:00: Resource deadlock avoided
Africa/Cairo 0/2:15: Resource deadlock avoided
Africa/Cairo 0,6,12,18:00: Fri 2026-04-24 06:00:00 EEST
Africa/Cairo 0..23/6:00: Fri 2026-04-24 06:00:00 EEST
Asia/Beirut 0/6:00: Resource deadlock avoided
Asia/Beirut 1/6:00: Resource deadlock avoided
Asia/Beirut 0/2:15: Resource deadlock avoided
Asia/Beirut 0,6,12,18:00: Sun 2026-03-29 06:00:00 EEST
Asia/Beirut 0..23/6:00: Sun 2026-03-29 06:00:00 EEST
Europe/Berlin 2/6:00: Sun 2026-03-29 08:00:00 CEST
TXT
diff expected.txt seen.txt
cat seen.txt
