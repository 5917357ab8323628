#!/usr/bin/env bash
# Playwright's page.waitForFunction takes a predicate as a string. On a page whose Content-Security-
# Policy allows no eval, that works only if the predicate is true at the first look: at the second one
# the wait fails with an EvalError. So a test passes or fails by the speed of the page. A function works.
#
# Versions: npm playwright-core 1.65.1; Chromium 156 of Debian 12
# Seen: with `script-src 'self'`, a string that is true at the first look works, and one that is true
#       at the second fails. Without the policy, and for functions, both work.
# Expected before the run: the policy blocks strings always, or never, as it doesn't bind a debugger.
# Needs: Node 20 or newer, npm, Chromium (CHROMIUM, or /usr/bin/chromium of Debian's package).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

npm init --yes >/dev/null
npm install --no-audit --no-fund --loglevel=error --ignore-scripts playwright-core@1.65.1 >/dev/null

cat >run.cjs <<'JS'
const http = require("node:http");
const { chromium } = require("playwright-core");

const TRIES = {
  "string, true at the 1st look": (page) => page.waitForFunction("true"),
  "string, true at the 2nd look": (page) =>
    page.waitForFunction("(globalThis.looks = (globalThis.looks ?? 0) + 1) === 2"),
  "function, true at the 2nd look": (page) =>
    page.waitForFunction(() => (globalThis.looks = (globalThis.looks ?? 0) + 1) === 2),
};

const server = http.createServer((request, response) => {
  response.setHeader("content-type", "text/html");
  if (request.url === "/policy") response.setHeader("content-security-policy", "script-src 'self'");
  response.end("<!doctype html><title>page</title>");
});
server.listen(0, "127.0.0.1", async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  for (const path of ["/none", "/policy"]) {
    for (const [name, run] of Object.entries(TRIES)) {
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.address().port}${path}`);
      const outcome = await run(page).then(
        () => "works",
        (error) => /EvalError/.exec(error.message)?.[0] ?? error.message,
      );
      console.log(`${path}: ${name}: ${outcome}`);
      await page.close();
    }
  }
  await browser.close();
  server.close();
});
JS
node run.cjs >seen.txt
cat >expected.txt <<'TXT'
/none: string, true at the 1st look: works
/none: string, true at the 2nd look: works
/none: function, true at the 2nd look: works
/policy: string, true at the 1st look: works
/policy: string, true at the 2nd look: EvalError
/policy: function, true at the 2nd look: works
TXT
diff expected.txt seen.txt
cat seen.txt
