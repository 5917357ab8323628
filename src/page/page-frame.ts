import type { StatusReport } from "../domain/status.ts";
import { ROUTES } from "../domain/routes.ts";
import { CLIENT_MODULES, ICON_FILE, MAIN_MODULE, STYLE_FILE } from "./assets.ts";
import { escapeHtml } from "./html.ts";

/** Returns a relative link: it works behind a proxy's prefix too. */
const asset = (name: string): string => `.${ROUTES.page}${name}`;

/** Returns the page up to the overview. */
export function pageHead(page: {
  readonly title: string;
  readonly head: Omit<StatusReport, "containers">;
  /** True if the page shows only some containers. */
  readonly isPart: boolean;
}): string {
  const { title, head, isPart } = page;
  const at = `${head.time.slice(0, 19).replace("T", " ")} UTC`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="${asset(ICON_FILE)}" type="image/svg+xml">
<link rel="stylesheet" href="${asset(STYLE_FILE)}">
${CLIENT_MODULES.map((name) => `<link rel="modulepreload" href="${asset(name)}">`).join("\n")}
<script type="module" src="${asset(MAIN_MODULE)}"></script>
</head>
<body data-last-event-id="${escapeHtml(head.lastEventId)}"${isPart ? " data-part" : ""}>
<a class="skip" href="#trouble">Skip to what needs attention</a>
<header class="top">
<h1>unitwatch</h1>
<p id="live" data-live="off">As of <time datetime="${head.time.slice(0, 23)}Z">${at}</time></p>
<p id="announcer" class="unseen" role="status"></p>
<form class="tool" role="search" hidden><label for="find">Find a node</label> <input id="find" type="search" autocomplete="off" spellcheck="false"></form>
</header>
<main>
${isPart ? '<p class="aside">Only the requested containers. <a href="./">Show all</a></p>' : ""}
<section aria-labelledby="overview-title">
<h2 id="overview-title" class="unseen">Overview</h2>
`;
}

/** Returns the page from the feed on. */
export function pageFoot(page: {
  readonly telemetryPath: string;
  readonly version: string;
  /** Items of the feed as HTML, newest first. */
  readonly changes: string;
}): string {
  return `
<section id="feed" aria-labelledby="feed-title">
<header>
<h2 id="feed-title">Changes</h2>
<form class="tool" hidden>
<span id="waiting" class="aside"></span>
<button type="button" id="pause" aria-pressed="false">Pause</button>
<label for="filter">Filter</label> <input id="filter" type="search" autocomplete="off" spellcheck="false" placeholder="unit, node, failed …">
</form>
</header>
<noscript><p class="aside">Without JavaScript this page is a snapshot: reload it for a newer one.</p></noscript>
${page.changes === "" ? '<p id="unchanged" class="aside">No change since unitwatch started.</p>\n' : ""}<ol id="changes" reversed tabindex="0" aria-labelledby="feed-title">
${page.changes}
</ol>
</section>
</main>
<footer>
<p>unitwatch ${page.version}</p>
<nav aria-label="Interfaces"><ul>
<li><a href=".${page.telemetryPath}">Metrics</a></li>
<li><a href=".${ROUTES.state}">State as JSON</a></li>
<li><a href=".${ROUTES.events}">Events</a></li>
<li><a href=".${ROUTES.healthy}">Health</a></li>
<li><a href=".${ROUTES.ready}">Readiness</a></li>
</ul></nav>
</footer>
</body>
</html>
`;
}
