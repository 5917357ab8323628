#!/usr/bin/env bash
# The software bill of materials of a release, `npm sbom --omit=dev`, lacks every package that a
# development dependency needs too, even a direct dependency of the project. npm says nothing.
#
# Versions: npm 11.19.1; ms 2.1.3, debug 4.4.3, which needs ms, and is-number 7.0.0
# Seen: with `dependencies: ms, is-number` and `devDependencies: debug`, npm installs ms and is-number
#       with --omit=dev, and `npm ls --omit=dev` lists both. `npm sbom --omit=dev` lists is-number alone,
#       as CycloneDX and as SPDX, and also with --package-lock-only.
# Expected before the run: the packages that `npm ls --omit=dev` lists.
# Needs: Node 22 or newer, npm.
set -euo pipefail
export PATH="$(cd "$(dirname "$0")/.." && pwd)/node_modules/.bin:$PATH"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/app" "$dir/npm"
npm install --prefix "$dir/npm" --no-audit --no-fund --loglevel=error npm@11.19.1 >/dev/null
npm=$dir/npm/node_modules/.bin/npm
cd "$dir/app"

cat >package.json <<'JSON'
{
  "name": "app", "version": "1.0.0", "license": "MIT",
  "dependencies": { "ms": "2.1.3", "is-number": "7.0.0" },
  "devDependencies": { "debug": "4.4.3" }
}
JSON
"$npm" install --no-audit --no-fund --loglevel=error >/dev/null

names() {
  node -e 'const bom = JSON.parse(require("fs").readFileSync(0, "utf8"));
    console.log((bom.components ?? bom.packages.slice(1)).map(({ name }) => name).sort().join(" "))'
}
{
  echo "npm ls: $("$npm" ls --omit=dev --json | node -e '
    console.log(Object.keys(JSON.parse(require("fs").readFileSync(0, "utf8")).dependencies).sort().join(" "))')"
  echo "CycloneDX: $("$npm" sbom --omit=dev --sbom-format=cyclonedx | names)"
  echo "SPDX: $("$npm" sbom --omit=dev --sbom-format=spdx | names)"
  echo "lock only: $("$npm" sbom --omit=dev --sbom-format=cyclonedx --package-lock-only | names)"
} >seen.txt
cat >expected.txt <<'TXT'
npm ls: is-number ms
CycloneDX: is-number
SPDX: is-number
lock only: is-number
TXT
diff expected.txt seen.txt
cat seen.txt
