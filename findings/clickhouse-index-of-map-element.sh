#!/usr/bin/env bash
# A skip index on one key of a map, INDEX i m['unit'] TYPE bloom_filter, is the usual way to make an
# attribute of an OpenTelemetry record an index in ClickHouse. ClickHouse 26.9 still creates and
# fills it, and no query on m['unit'] uses it: every granule is read.
#
# Versions: chdb 4.4.0 (ClickHouse 26.9.2), chdb 3.7.2 (ClickHouse 25.8.2), from PyPI
# Seen: of 123 granules, 25.8 reads 1 and 26.9 reads all 123. 26.9 replaces m['unit'] by the subcolumn
#       m.key_unit before it looks for indexes, and the index is of the function, not the subcolumn.
#       With optimize_functions_to_subcolumns=0 it is used again. Indexes of mapKeys(m) and
#       mapValues(m), which the collector's exporter creates, are used by both.
# Expected before the run: the index of an expression is used for that very expression.
# Needs: Python 3.9 or newer with venv and pip, x86-64 or arm64.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

cat >seen.py <<'PY'
import re
from chdb import session

db = session.Session()

def query(text):
    return str(db.query(text, "TabSeparatedRaw"))

def read(table, settings=""):
    """Granules that remain after all indexes, and the skip indexes that were consulted."""
    plan = query(f"EXPLAIN indexes = 1 SELECT count() FROM {table} WHERE m['unit'] = 'rare' {settings}")
    skipped = re.findall(r"Name: (\w+)", plan)
    return f"{re.findall(r'Granules: ([0-9]+)/', plan)[-1]} granules by {' '.join(skipped) or 'no index'}"

for table, indexes in {
    "element": "INDEX element m['unit'] TYPE bloom_filter GRANULARITY 1",
    "parts": "INDEX keys mapKeys(m) TYPE bloom_filter GRANULARITY 1, "
    "INDEX texts mapValues(m) TYPE bloom_filter GRANULARITY 1",
}.items():
    query(f"CREATE TABLE {table} (n UInt64, m Map(LowCardinality(String), String), {indexes}) "
          "ENGINE = MergeTree ORDER BY n")
    query(f"INSERT INTO {table} SELECT number, "
          "map('unit', if(number = 7, 'rare', toString(number % 50))) FROM numbers(1000000)")
version = ".".join(query("SELECT version()").strip().split(".")[:2])
print(version, "index of the element:", read("element"))
print(version, "the same, no subcolumns:", read("element", "SETTINGS optimize_functions_to_subcolumns = 0"))
print(version, "indexes of keys and values:", read("parts"))
PY

for version in 3.7.2 4.4.0; do
  python3 -m venv "venv-$version"
  "venv-$version/bin/pip" install --quiet --disable-pip-version-check "chdb==$version"
  "venv-$version/bin/python" seen.py
done >seen.txt
cat >expected.txt <<'TXT'
25.8 index of the element: 1 granules by element
25.8 the same, no subcolumns: 1 granules by element
25.8 indexes of keys and values: 1 granules by keys texts
26.9 index of the element: 123 granules by no index
26.9 the same, no subcolumns: 1 granules by element
26.9 indexes of keys and values: 1 granules by keys texts
TXT
diff expected.txt seen.txt
cat seen.txt
