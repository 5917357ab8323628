#!/usr/bin/env bash
# sdjournal for Rust resumes at a cursor by the wall clock. Where the clock was once set back, a
# reader that resumes loses the entries written after that, or gets ones again that it had. Read
# without a cursor, the order is right.
#
# Versions: crates.io sdjournal 0.1.4; systemd-journal-remote and journalctl of Debian bookworm (252)
# Seen: of five entries, the third and fourth written a second "earlier" than the second, sdjournal
#       gives 5 in the order of journalctl. After the cursor of the first it gives 2, after that of
#       the third all but the third itself. journalctl gives 4 and 2: it goes by sequence number,
#       which sdjournal's cursor holds too. The file is in the regular mode, not the compact one.
# Expected before the run: a cursor of file, offset and sequence number is exact.
# Needs: Debian bookworm's apt lists, dpkg-deb, Python 3, Rust 1.85 or newer.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

version=$(apt-cache madison systemd-journal-remote | grep -o '252\.[0-9]*-[^ ]*deb12[^ ]*' | head -1)
apt-get download --quiet=2 "systemd=$version" "libsystemd-shared=$version" \
  "systemd-journal-remote=$version" libmicrohttpd12 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done
lib=$(echo "$dir"/root/usr/lib/*-linux-gnu)

python3 - >entries.export <<'PY'
start = 1795345339000000
for index, (name, step) in enumerate([("a", 0), ("b", 1), ("c", -1), ("d", -0.5), ("e", 2)]):
    print(f"__REALTIME_TIMESTAMP={start + int(step * 1e6)}\n__MONOTONIC_TIMESTAMP={1000000 + index}")
    print(f"_BOOT_ID=d5fc8d1e2f4e4a3b9b1f0c0a0b0c0d0e\nMESSAGE={name}\n")
PY
mkdir journal
SYSTEMD_JOURNAL_COMPACT=0 LD_LIBRARY_PATH=$lib:$lib/systemd root/lib/systemd/systemd-journal-remote \
  -o journal/system.journal entries.export 2>/dev/null

journalctl() { LD_LIBRARY_PATH=$lib/systemd root/bin/journalctl --directory=journal --quiet "$@"; }
by_journalctl() { journalctl --output=cat "${@:2}" | tr '\n' ' ' | sed "s/^/journalctl $1: /; s/ $/\n/"; }

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
use sdjournal::{Journal, JournalQuery};

fn show(title: &str, query: &JournalQuery) {
    let entries = query.collect_owned().unwrap();
    let names: Vec<_> = entries.iter().map(|e| String::from_utf8_lossy(e.get("MESSAGE").unwrap()).into_owned()).collect();
    println!("sdjournal {title}: {}", names.join(" "));
}

fn main() {
    let journal = Journal::open_dir("journal").unwrap();
    show("all", &journal.query());
    let entries = journal.query().collect_owned().unwrap();
    for (title, index) in [("after a", 0), ("after c", 2)] {
        let mut query = journal.query();
        query.after_cursor(entries[index].cursor().unwrap());
        show(title, &query);
    }
}
RS
{
  by_journalctl all
  mapfile -t cursors < <(journalctl --output=export | sed -n 's/^__CURSOR=//p')
  by_journalctl "after a" --after-cursor="${cursors[0]}"
  by_journalctl "after c" --after-cursor="${cursors[2]}"
  CARGO_HOME=$dir/cargo cargo run --quiet 2>cargo.log
} >seen.txt
cat >expected.txt <<'TXT'
journalctl all: a b c d e
journalctl after a: b c d e
journalctl after c: d e
sdjournal all: a b c d e
sdjournal after a: b e
sdjournal after c: a b d e
TXT
diff expected.txt seen.txt
cat seen.txt
