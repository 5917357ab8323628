#!/usr/bin/env bash
# sdjournal for Rust reads journal files in systemd's compact mode, the default since 252, but takes
# an entry's items for 8 bytes long where they have 4. An entry of an even number of fields loses
# every second field without an error; one of an odd number ends the query with an error.
#
# Versions: crates.io sdjournal 0.1.4; systemd-journal-remote and journalctl of Debian bookworm (252)
# Seen: of two entries with 4 and 2 fields sdjournal has 2 and 1, and neither MESSAGE is among them.
#       Written with SYSTEMD_JOURNAL_COMPACT=0 the same entries have all fields, and so they have
#       for journalctl in both modes. With 3 fields: "ENTRY compact items not aligned".
# Expected before the run: compact files are read right, or refused at their header.
# Needs: Debian bookworm's apt lists, dpkg-deb, Rust 1.85 or newer.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

version=$(apt-cache madison systemd-journal-remote | grep -o '252\.[0-9]*-[^ ]*deb12[^ ]*' | head -1)
apt-get download --quiet=2 "systemd=$version" "libsystemd-shared=$version" \
  "systemd-journal-remote=$version" libmicrohttpd12 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done
lib=$(echo "$dir"/root/usr/lib/*-linux-gnu)

# entry SECOND FIELD...: an entry in the export format; its boot id is a field too.
entry() {
  printf '__REALTIME_TIMESTAMP=17953453%02d000000\n__MONOTONIC_TIMESTAMP=%d000000\n' "$1" "$1"
  printf '%s\n' _BOOT_ID=d5fc8d1e2f4e4a3b9b1f0c0a0b0c0d0e "${@:2}" ''
}
{
  entry 1 MESSAGE=one PRIORITY=6 _SYSTEMD_UNIT=a.service
  entry 2 MESSAGE=two
} >even.export
entry 3 MESSAGE=three PRIORITY=6 >odd.export

# journal NAME EXPORT COMPACT: makes the journal NAME.
journal() {
  mkdir "$1"
  SYSTEMD_JOURNAL_COMPACT=$3 LD_LIBRARY_PATH=$lib:$lib/systemd \
    root/lib/systemd/systemd-journal-remote -o "$1/system.journal" "$2" 2>/dev/null
}
journal compact even.export 1
journal regular even.export 0
journal compact-odd odd.export 1

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"
[dependencies]
sdjournal = "=0.1.4"
TOML
cat >src/main.rs <<'RS'
use sdjournal::Journal;

fn main() {
    for name in ["regular", "compact", "compact-odd"] {
        for entry in Journal::open_dir(name).unwrap().query().iter().unwrap() {
            match entry {
                Ok(entry) => {
                    let mut fields: Vec<_> = entry.iter_fields().map(|(name, _)| name).collect();
                    fields.sort();
                    println!("sdjournal {name}: {}", fields.join(" "));
                }
                Err(error) => println!("sdjournal {name}: {}", error.to_string().rsplit(": ").next().unwrap()),
            }
        }
    }
}
RS
{
  for name in regular compact compact-odd; do
    fields=$(
      LD_LIBRARY_PATH=$lib/systemd root/bin/journalctl --directory="$name" --quiet --output=export |
        grep -c '^_\?[A-Z]'
    )
    echo "journalctl $name: $fields fields"
  done
  CARGO_HOME=$dir/cargo cargo run --quiet 2>cargo.log
} >seen.txt
cat >expected.txt <<'TXT'
journalctl regular: 6 fields
journalctl compact: 6 fields
journalctl compact-odd: 3 fields
sdjournal regular: MESSAGE PRIORITY _BOOT_ID _SYSTEMD_UNIT
sdjournal regular: MESSAGE _BOOT_ID
sdjournal compact: PRIORITY _BOOT_ID
sdjournal compact: _BOOT_ID
sdjournal compact-odd: ENTRY compact items not aligned
TXT
diff expected.txt seen.txt
cat seen.txt
