#!/usr/bin/env bash
# dbus-next for JavaScript reads the 64-bit integers of a big-endian D-Bus message with their two
# 32-bit words exchanged. systemd's time stamps are such integers, so on a big-endian host (s390x)
# each of them is wrong, without an error.
#
# Versions: npm dbus-next 0.10.2, npm dbus-native 0.16.1, npm @homebridge/dbus-native 0.7.3,
#           PyPI jeepney 0.9.0, PyPI dbus-fast 5.2.0
# Seen: a signal with the body `tx` (1795345339060434, -5), written big-endian by jeepney:
#       dbus-next reads 7579295192017428699 and -17179869185; dbus-native and dbus-fast read what
#       was written; @homebridge/dbus-native reads no big-endian message at all (it throws).
# Expected before the run: an old library refuses big-endian messages, or reads them right.
# Needs: Node 20 or newer, npm, Python 3.11 or newer.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --no-audit --no-fund --loglevel=error --ignore-scripts \
  dbus-next@0.10.2 dbus-native@0.16.1 @homebridge/dbus-native@0.7.3 >/dev/null
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check jeepney==0.9.0 dbus-fast==5.2.0

cat >write.py <<'PY'
from jeepney import Endianness, Header, HeaderFields, Message, MessageType
fields = {
    HeaderFields.path: "/org/example/unit",
    HeaderFields.interface: "org.example.Unit",
    HeaderFields.member: "Changed",
    HeaderFields.signature: "tx",
}
header = Header(Endianness.big, MessageType.signal, 0, 1, -1, 7, fields)
open("message.bin", "wb").write(Message(header, (1795345339060434, -5)).serialise())
PY
venv/bin/python write.py

cat >read.cjs <<'JS'
const message = require("node:fs").readFileSync("message.bin");
const read = {
  "dbus-next": () => require("dbus-next/lib/message.js").unmarshall(message, {}).body,
  "dbus-native": () => require("dbus-native/lib/message.js").unmarshall(message).body,
  "@homebridge/dbus-native": () =>
    require("@homebridge/dbus-native/lib/message.js").unmarshall(message).body,
};
for (const [name, body] of Object.entries(read)) {
  try {
    console.log(name, String(body()));
  } catch (error) {
    console.log(name, error.constructor.name);
  }
}
JS
cat >read.py <<'PY'
import io
from dbus_fast._private.unmarshaller import Unmarshaller
body = Unmarshaller(io.BytesIO(open("message.bin", "rb").read())).unmarshall().body
print("dbus-fast", ",".join(map(str, body)))
PY
{ node read.cjs; venv/bin/python read.py; } >seen.txt
cat >expected.txt <<'TXT'
dbus-next 7579295192017428699,-17179869185
dbus-native 1795345339060434,-5
@homebridge/dbus-native TypeError
dbus-fast 1795345339060434,-5
TXT
diff expected.txt seen.txt
cat seen.txt
